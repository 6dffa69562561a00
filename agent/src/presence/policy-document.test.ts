// What admins may write about lending, what is refused with which words, and whose word counts for a machine.

import { describe, expect, it } from '@jest/globals';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { parseDocument, policyBy, termsOfNode } from './policy-document.ts';
import { isOpen, stricter, type Policy } from './policy.ts';

const minute = 60_000;
const nights = { timeZone: 'Europe/Berlin', windows: [{ days: [1, 2, 3, 4, 5], from: '20:00', to: '07:00' }] };
const fallback: Policy = { mode: 'WhenIdle', idleAfterMs: 10 * minute };
const node = (labels: Record<string, string> = {}, annotations: Record<string, string> = {}): Node =>
  ({ metadata: { name: 'pc-1', labels, annotations } }) as Node;

describe('the policy of a machine', () => {
  const cluster = parseDocument(
    {
      default: { idleAfter: '5m', hours: nights },
      rooms: { 'lab-a': { lend: 'always', hours: null }, 'lab-b': { idleAfter: '1h30m' } },
    },
    'test',
  );
  it.each<[string, string | undefined, Node, Partial<Policy>]>([
    ['the default where its room says nothing', 'lab-c', node(), { mode: 'WhenIdle', idleAfterMs: 5 * minute }],
    [
      'the default without a room',
      undefined,
      node(),
      { idleAfterMs: 5 * minute, hours: [{ ...nights, holidays: [] }] },
    ],
    ['its room, field by field', 'lab-b', node(), { mode: 'WhenIdle', idleAfterMs: 90 * minute }],
    ['a room that lifts the hours', 'lab-a', node(), { mode: 'Always', idleAfterMs: 5 * minute, hours: [] }],
    ['its label before its room', 'lab-a', node({ 'idlewild.dev/lend': 'never' }), { mode: 'Never', hours: [] }],
    ['how long it must be idle', 'lab-a', node({ 'idlewild.dev/idle-after': '30s' }), { idleAfterMs: 30_000 }],
    [
      'its own hours',
      'lab-a',
      node({}, { 'idlewild.dev/hours': JSON.stringify({ ...nights, holidays: ['2026-12-25'] }) }),
      { hours: [{ ...nights, holidays: ['2026-12-25'] }] },
    ],
    ['any hour when it says null', undefined, node({}, { 'idlewild.dev/hours': 'null' }), { hours: [] }],
  ])('is %s', (_what, room, machine, expected) => {
    expect(policyBy(fallback, cluster, room, termsOfNode(machine))).toMatchObject(expected);
  });

  it('is that of the flags when nobody says anything', () => {
    expect(policyBy(fallback, parseDocument(null, 'test'), 'lab-a', termsOfNode(node()))).toEqual(fallback);
  });

  it('lends, when it is the stricter of two, only when both would', () => {
    const days = {
      timeZone: 'UTC',
      windows: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '06:00', to: '22:00' }],
      holidays: [],
    };
    const late = {
      timeZone: 'UTC',
      windows: [{ days: [1, 2, 3, 4, 5, 6, 7], from: '20:00', to: '23:59' }],
      holidays: [],
    };
    const both = stricter(
      { mode: 'Always', idleAfterMs: minute, hours: [days] },
      { mode: 'WhenIdle', idleAfterMs: 5, hours: [late] },
    );
    expect(both).toMatchObject({ mode: 'WhenIdle', idleAfterMs: minute });
    const openAt = (time: string) => isOpen(both, Date.parse(`2026-03-04T${time}:00Z`));
    expect([openAt('12:00'), openAt('21:00'), openAt('22:30')]).toEqual([false, true, false]);
  });
});

describe('what is wrong is refused with its name and what is allowed', () => {
  it.each<[unknown, string]>([
    [
      { default: { lend: 'sometimes' } },
      'x: default.lend: Invalid option: expected one of "always"|"when-idle"|"never"',
    ],
    [
      { rooms: { 'lab-a': { idleAfter: '10 minutes' } } },
      'x: rooms.lab-a.idleAfter: must be a duration from 1s to 168h',
    ],
    [{ rooms: { 'lab-a': { idleAfter: '0s' } } }, 'x: rooms.lab-a.idleAfter: must be a duration from 1s to 168h'],
    [{ default: { hours: { ...nights, timeZone: 'Berlin' } } }, 'x: default.hours.timeZone: must be a time zone'],
    [
      { default: { hours: { ...nights, windows: [{ days: [8], from: '20:00', to: '07:00' }] } } },
      'x: default.hours.windows.0.days.0: ',
    ],
    [
      { default: { hours: { ...nights, windows: [{ days: [1], from: '8pm', to: '07:00' }] } } },
      'x: default.hours.windows.0.from: must be a time such as 07:30',
    ],
    [{ default: { hours: { ...nights, holidays: ['Christmas'] } } }, 'x: default.hours.holidays.0: '],
    [{ defaults: {} }, 'x: Unrecognized key: "defaults"'],
    [{ default: { idle: '5m' } }, 'x: default: Unrecognized key: "idle"'],
    ['never', 'x: Invalid input: expected object'],
  ])('%j', (value, told) => {
    expect(() => parseDocument(value, 'x')).toThrow(told);
  });

  it.each<[Node, string]>([
    [node({ 'idlewild.dev/lend': 'yes' }), 'idlewild.dev/lend: Invalid option'],
    [node({ 'idlewild.dev/idle-after': 'soon' }), 'idlewild.dev/idle-after: must be a duration'],
    [node({}, { 'idlewild.dev/hours': 'nights' }), 'idlewild.dev/hours: is not JSON'],
    [node({}, { 'idlewild.dev/hours': '{"windows":[]}' }), 'idlewild.dev/hours: timeZone: '],
  ])('on a Node: %#', (machine, told) => {
    expect(() => termsOfNode(machine)).toThrow(told);
  });
});
