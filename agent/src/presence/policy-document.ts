// What admins write about lending: the document of the cluster, with a default and exceptions for rooms, and the labels and the
// annotation of one machine. And how the machine's policy follows from them.
// Promises: pure; every field is checked, and what is wrong is told with the field's name and what is allowed; nothing is guessed.

import en from 'zod/v4/locales/en.js';
import * as z from 'zod/mini';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { durationMs } from '@idlewild/operator/model/duration.ts';
import type { LendingHours, Policy } from './policy.ts';

z.config(en());

/** Labels and annotation of a Node, by an admin. */
const lendLabel = 'idlewild.dev/lend';
const idleAfterLabel = 'idlewild.dev/idle-after';
const hoursAnnotation = 'idlewild.dev/hours';

const longestIdleMs = 7 * 24 * 3_600_000;
const modes = { always: 'Always', 'when-idle': 'WhenIdle', never: 'Never' } as const;
const lend = z.enum(['always', 'when-idle', 'never']);
const idleAfter = z.string().check(
  z.refine((text) => {
    try {
      const ms = durationMs(text);
      return ms >= 1_000 && ms <= longestIdleMs;
    } catch {
      return false;
    }
  }, 'must be a duration from 1s to 168h such as 90s, 10m or 1h30m'),
);
const localTime = z.string().check(z.regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as 07:30'));
const hours = z.strictObject({
  timeZone: z.string().check(z.refine(isTimeZone, 'must be a time zone such as Europe/Berlin')),
  windows: z.array(
    z.strictObject({
      days: z.array(z.int().check(z.minimum(1), z.maximum(7))).check(z.minLength(1)),
      from: localTime,
      to: localTime,
    }),
  ),
  holidays: z._default(z.array(z.iso.date()), []),
});
/** `hours: null` is any hour, where the default says otherwise. */
const terms = z.strictObject({
  lend: z.optional(lend),
  idleAfter: z.optional(idleAfter),
  hours: z.optional(z.nullable(hours)),
});
const document = z.strictObject({
  default: z.optional(terms),
  rooms: z.optional(z.record(z.string(), terms)),
});

/** What one place says; what it does not say is said elsewhere. */
export interface Terms {
  readonly mode?: Policy['mode'];
  readonly idleAfterMs?: number;
  readonly hours?: readonly LendingHours[];
}

export interface PolicyDocument {
  readonly default: Terms;
  readonly rooms: Readonly<Record<string, Terms>>;
}

/** @param value of the parsed YAML. Throws TypeError that names the field. */
export function parseDocument(value: unknown, where: string): PolicyDocument {
  const parsed = document.safeParse(value ?? {});
  if (!parsed.success) throw firstOf(parsed.error, where);
  const { default: own = {}, rooms = {} } = parsed.data;
  const inRooms = Object.entries(rooms).map(([room, each]) => [room, termsOf(each)] as const);
  return { default: termsOf(own), rooms: Object.fromEntries(inRooms) };
}

/** @param text JSON. Throws TypeError that names the field. */
export function parseHours(text: string, where: string): LendingHours {
  const parsed = hours.safeParse(jsonOf(text, where));
  if (!parsed.success) throw firstOf(parsed.error, where);
  return parsed.data;
}

/** What its Node says of one machine. Throws TypeError that names the label or annotation. */
export function termsOfNode({ metadata }: Node): Terms {
  const own = { lend: metadata.labels?.[lendLabel], idleAfter: metadata.labels?.[idleAfterLabel] };
  const [mode, idle] = [z.optional(lend).safeParse(own.lend), z.optional(idleAfter).safeParse(own.idleAfter)];
  if (!mode.success) throw firstOf(mode.error, lendLabel);
  if (!idle.success) throw firstOf(idle.error, idleAfterLabel);
  const text = metadata.annotations?.[hoursAnnotation];
  const said = text === undefined ? {} : { hours: text === 'null' ? null : parseHours(text, hoursAnnotation) };
  return termsOf({ lend: mode.data, idleAfter: idle.data, ...said });
}

/** Each field by the nearest that says it: the machine, its room, the cluster's default, the agent's flags. */
export function policyBy(fallback: Policy, cluster: PolicyDocument, room: string | undefined, own: Terms): Policy {
  const inRoom = room !== undefined && Object.hasOwn(cluster.rooms, room) ? cluster.rooms[room] : undefined;
  return { ...fallback, ...cluster.default, ...inRoom, ...own };
}

interface Said {
  readonly lend?: z.output<typeof lend> | undefined;
  readonly idleAfter?: string | undefined;
  readonly hours?: LendingHours | null | undefined;
}

function termsOf(said: Said): Terms {
  return {
    ...(said.lend === undefined ? {} : { mode: modes[said.lend] }),
    ...(said.idleAfter === undefined ? {} : { idleAfterMs: durationMs(said.idleAfter) }),
    ...(said.hours === undefined ? {} : { hours: said.hours === null ? [] : [said.hours] }),
  };
}

function isTimeZone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

function jsonOf(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TypeError(`${where}: is not JSON`);
  }
}

function firstOf({ issues }: z.core.$ZodError, where: string): TypeError {
  const [issue] = issues;
  const path = issue?.path.join('.') ?? '';
  return new TypeError(`${where}: ${path === '' ? '' : `${path}: `}${issue?.message}`);
}
