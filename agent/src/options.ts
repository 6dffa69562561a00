// The agent's command line and the files it names.
// Promises: refuses what it does not know and what is out of range, with the flag's name and what is allowed.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { durationMs } from '@idlewild/operator/model/duration.ts';
import type { Policy } from './presence/policy.ts';

const duration = z.string().transform((text, context) => {
  try {
    return durationMs(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    return z.NEVER;
  }
});
const whole = (max: number) =>
  z
    .string()
    .regex(/^\d{1,9}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().max(max));
const text = z.string().min(1);

const schema = z.strictObject({
  node: text,
  server: text,
  'ca-file': text.optional(),
  'token-file': text,
  root: text.default('/'),
  'state-dir': text.default('/var/lib/idlewild'),
  socket: text.default('/run/idlewild/owner.sock'),
  'owner-port': whole(65_535).optional(),
  'dbus-socket': text.optional(),
  'shutdown-delay': duration.default(25_000),
  room: z
    .string()
    .regex(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/, 'must be a label value')
    .optional(),
  dedicated: z.boolean().default(false),
  cores: whole(1024),
  'memory-mib': whole(2 ** 26),
  'disk-mib': whole(2 ** 30),
  'graphics-mib': whole(2 ** 20).default(0),
  gpus: whole(64).default(0),
  lend: z.enum(['always', 'when-idle', 'never']).default('when-idle'),
  'idle-after': duration.default(600_000),
  'hours-file': text.optional(),
  'guest-cgroup': z.array(text).default([]),
  'pods-cgroup': z.array(text).default([]),
  'log-level': z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
});

export type Options = z.output<typeof schema>;

const booleans = new Set(['dedicated']);
const lists = new Set(['guest-cgroup', 'pods-cgroup']);

export const usage = `The Idlewild agent: protects the owner of one machine, and says what the machine lends.

  --node NAME           the machine's Node
  --server URL          the API server; with --ca-file FILE and --token-file FILE
  --root DIR            where the machine's file system is (/)
  --state-dir DIR       what must outlive the agent (/var/lib/idlewild)
  --socket FILE         where the owner asks and says "stop now" (/run/idlewild/owner.sock)
  --owner-port PORT     the same as a page on http://127.0.0.1:PORT (none)
  --dbus-socket FILE    of the system bus, to ask logind (run/dbus/system_bus_socket below --root)
  --shutdown-delay DURATION   how long a shutdown or sleep waits until the guests have gone (25s, or what logind grants)
  --room NAME           the room, if the Node does not have it already
  --dedicated           the machine has no owner
  --cores N, --memory-mib N, --disk-mib N, --graphics-mib N, --gpus N   the most that it lends
  --lend MODE           always, when-idle or never (when-idle)
  --idle-after DURATION how long nobody must have used it (10m)
  --hours-file FILE     JSON: {"timeZone", "windows": [{"days", "from", "to"}], "holidays"}
  --guest-cgroup DIR    a control group of guests, held back while the owner is active; may be given again
  --pods-cgroup DIR     one of a kubelet, such as .../kubepods.slice: pods below it that run a guest; may be given again
  --log-level LEVEL     trace, debug, info, warn, error or silent (info)
`;

const localTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a time such as 07:30');
const hours = z.strictObject({
  timeZone: z.string().refine((zone) => {
    try {
      new Intl.DateTimeFormat('en', { timeZone: zone });
      return true;
    } catch {
      return false;
    }
  }, 'must be a time zone such as Europe/Berlin'),
  windows: z.array(
    z.strictObject({ days: z.array(z.number().int().min(1).max(7)).min(1), from: localTime, to: localTime }),
  ),
  holidays: z.array(z.iso.date()).default([]),
});

/** Throws TypeError with the flag's name and what is allowed. */
export function parseOptions(args: readonly string[]): Options {
  const flags = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [
      name,
      { type: booleans.has(name) ? ('boolean' as const) : ('string' as const), multiple: lists.has(name) },
    ]),
  );
  const { values } = parseArgs({ args: [...args], options: flags });
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  throw firstOf(parsed.error, '--');
}

/** Throws TypeError that names the field of the hours file, or the system's error when it cannot be read. */
export function policyOf(options: Options): Policy {
  const mode = ({ always: 'Always', 'when-idle': 'WhenIdle', never: 'Never' } as const)[options.lend];
  const file = options['hours-file'];
  const base = { mode, idleAfterMs: options['idle-after'] };
  if (file === undefined) return base;
  const parsed = hours.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success) throw firstOf(parsed.error, `${file}: `);
  return { ...base, hours: parsed.data };
}

function firstOf({ issues }: z.ZodError, prefix: string): TypeError {
  const [issue] = issues;
  return new TypeError(`${prefix}${issue?.path.join('.')}: ${issue?.message}`);
}
