// What the owner of a machine feels of its guests: how soon these are held back after a key press, and how late the owner's own
// programs run beside a guest that wants all of the processor, with and without the throttle, and alone, in the same run. With
// --guest-rounds also how soon a guest of a whole lab stands still, and goes on; with --move-rounds how long one takes to move that
// is held back.
// Usage (as root, with a cpu control group): node_modules/.bin/node bench/owner.ts [--rounds N] [--guest-rounds N] [--move-rounds N]

import { spawn, type ChildProcess } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { heldBack, Throttle } from '@idlewild/agent/throttle/throttle.ts';
import { quota } from '@idlewild/agent/throttle/knobs.ts';
import { Desk } from '@idlewild/lab/daemon/desk.ts';
import { agentNodeFlags, bundleAgent } from '../scripts/bundle-agent.ts';
import { compared, quantile, type Figure } from './core/figures.ts';
import { machineOf, table } from './core/report.ts';
import { throttledMove } from './measurements/throttled-move.ts';
import { yielding } from './measurements/yielding.ts';
import { until } from '../test/waiting.ts';

const { values: flags } = parseArgs({
  options: {
    rounds: { type: 'string', default: '8' },
    'guest-rounds': { type: 'string', default: '0' },
    'move-rounds': { type: 'string', default: '0' },
  },
});
const rounds = Number(flags.rounds);
const guestRounds = Number(flags['guest-rounds']);
const moveRounds = Number(flags['move-rounds']);
for (const [flag, count] of [
  ['rounds', rounds],
  ['guest-rounds', guestRounds],
  ['move-rounds', moveRounds],
] as const) {
  if (!Number.isInteger(count) || count < 0 || count > 99) throw new TypeError(`--${flag} must be from 0 to 99`);
}

/** Agents that are pressed at one after the other in each round. */
const agents = 6;
const pressRounds = 3;
/** The calm after which an agent lets guests go again, and a bit. */
const calmMs = 11_000;
const cpuSecondsAtMost = 120;
const roundMs = 600;
const sleepMs = 5;
const log = pino({ level: 'warn' });
const say = (what: string): void => void process.stderr.write(`${what}\n`);

/** A control group with siblings for an owner and a guest, which go again. */
class Groups {
  readonly #root: string;
  readonly #home: string;
  readonly #dirs: string[] = [];

  constructor() {
    const first = '/sys/fs/cgroup/cpu';
    const v1 = existsSync(join(first, 'cpu.shares'));
    const own = new RegExp(v1 ? String.raw`^\d+:(?:.*,)?cpu(?:,.*)?:(.*)$` : '^0::(.*)$', 'm');
    const hierarchy = v1 ? first : '/sys/fs/cgroup';
    this.#home = join(hierarchy, own.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1] ?? '', 'cgroup.procs');
    this.#root = this.#make(join(hierarchy, `idlewild-bench-${process.pid}`));
    if (!v1) writeFileSync(join(this.#root, 'cgroup.subtree_control'), '+cpu');
    // Whatever else the machine does counts little.
    writeFileSync(join(this.#root, v1 ? 'cpu.shares' : 'cpu.weight'), v1 ? '262144' : '10000');
  }

  make(name: string): string {
    return this.#make(join(this.#root, name));
  }

  async close(): Promise<void> {
    writeFileSync(this.#home, String(process.pid));
    const deadline = performance.now() + 10_000;
    for (const dir of this.#dirs.reverse()) {
      // A group is busy until its last process has been reaped.
      while (readFileSync(join(dir, 'cgroup.procs'), 'utf8') !== '' && performance.now() < deadline) await delay(20);
      rmdirSync(dir);
    }
  }

  #make(dir: string): string {
    mkdirSync(dir);
    this.#dirs.push(dir);
    return dir;
  }
}

const groups = new Groups();
const children: ChildProcess[] = [];
const folder = mkdtempSync(join(tmpdir(), 'idlewild-owner-'));
try {
  const figures = [
    ...(rounds > 0 ? [await keyToThrottle(), ...(await besideGuest())] : []),
    ...(guestRounds > 0 ? await yielding(guestRounds, say) : []),
    ...(moveRounds > 0
      ? [await throttledMove({ group: groups.make('mover'), folder, log, rounds: moveRounds, say })]
      : []),
  ];
  process.stdout.write(`${machineOf()}\n"bare client" is the owner alone.\n\n${table(figures)}\n`);
} finally {
  for (const child of children) child.kill('SIGKILL');
  await groups.close();
  rmSync(folder, { recursive: true, force: true });
}

/** Agents as a lab starts them, with a keyboard of the lab and no cluster. */
async function keyToThrottle(): Promise<Figure> {
  const program = await bundleAgent();
  const machines = Array.from({ length: agents }, (_, index) => {
    const root = join(folder, `pc-${index}`);
    const desk = new Desk(root);
    const group = groups.make(`pc-${index}`);
    writeFileSync(join(root, 'token'), 'none');
    const o = {
      ...{ node: `pc-${index}`, server: 'http://127.0.0.1:1', 'token-file': join(root, 'token'), root },
      ...{ 'state-dir': join(root, 'state'), socket: join(root, 'owner.sock'), 'guest-cgroup': group },
      ...{ cores: 1, 'memory-mib': 1, 'disk-mib': 1, 'log-level': 'silent' },
    };
    const args = Object.entries(o).flatMap(([name, value]) => [`--${name}`, String(value)]);
    children.push(spawn(process.execPath, [...agentNodeFlags, program, ...args], { stdio: 'inherit' }));
    return { desk, group };
  });
  const ms: number[] = [];
  for (let round = 0; round < pressRounds; round += 1) {
    say(`keys: round ${round + 1} of ${pressRounds}`);
    // An agent that has just started takes the owner for present.
    for (const { group } of machines) await until(() => quota.read(group) === heldBack);
    await delay(calmMs);
    for (const { desk, group } of machines) {
      await until(() => quota.read(group) !== heldBack);
      // At any moment between two looks of the agent.
      await delay(Math.random() * 200);
      const began = performance.now();
      desk.arrive();
      desk.leave();
      await until(() => quota.read(group) === heldBack);
      ms.push(performance.now() - began);
    }
  }
  for (const child of children.splice(0)) child.kill('SIGKILL');
  for (const { desk } of machines) desk.close();
  const [p50, p95] = [quantile(ms, 0.5), quantile(ms, 0.95)].map((each) => each / 1000);
  const note = `P50 ${p50?.toFixed(3)} s, most ${(Math.max(...ms) / 1000).toFixed(3)} s, ${ms.length} presses`;
  const aim = { of: 'value', is: 'at most', limit: 1 } as const;
  return { name: 'key press to guests held back, P95', unit: 's', value: p95 ?? NaN, aim, note };
}

interface Felt {
  readonly wakeMs: number;
  readonly workMs: number;
}

/** This process plays the owner: it wakes every few milliseconds, and computes. Two loops play the guest. */
async function besideGuest(): Promise<Figure[]> {
  const [owner, guest] = [groups.make('owner'), groups.make('guest')];
  const loop = `ulimit -t ${cpuSecondsAtMost}; echo $$ >${join(guest, 'cgroup.procs')}; while :; do :; done`;
  const loops = [0, 1].map(() => spawn('sh', ['-c', loop], { stdio: 'ignore' }));
  children.push(...loops);
  const inGroup = (): number => readFileSync(join(guest, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).length;
  await until(() => inGroup() === loops.length);
  appendFileSync(join(owner, 'cgroup.procs'), String(process.pid));
  const file = join(folder, 'held-back.json');
  const places = { groups: [guest], pods: [], proc: '/proc', file, log };
  const withQuota = new Throttle({ ...places, owners: [] });
  const withBoth = new Throttle({ ...places, owners: [owner] });
  const ways: Readonly<Record<string, { on: () => void; off: () => void }>> = {
    'not held back': { on: () => undefined, off: () => undefined },
    'by quota alone': { on: () => withQuota.apply(true), off: () => withQuota.apply(false) },
    'as the agent does': { on: () => withBoth.apply(true), off: () => withBoth.apply(false) },
  };
  feel();
  const felt = new Map(Object.keys(ways).map((way) => [way, [] as { beside: Felt; alone: Felt }[]]));
  for (let round = 0; round < rounds; round += 1) {
    say(`beside a guest: round ${round + 1} of ${rounds}`);
    for (const each of loops) each.kill('SIGSTOP');
    await delay(50);
    const alone = feel();
    for (const each of loops) each.kill('SIGCONT');
    for (const [way, { on, off }] of Object.entries(ways)) {
      on();
      await delay(50);
      felt.get(way)?.push({ beside: feel(), alone });
      off();
    }
  }
  for (const each of loops) each.kill('SIGKILL');
  const figures = (name: string, of: (felt: Felt) => number): Figure[] =>
    [...felt].map(([way, all]) => {
      const pairs = all.map(({ beside, alone }) => ({ value: of(beside), bare: of(alone) }));
      return compared({ name: `${name}, guest ${way}`, unit: 'ms', note: `median of ${rounds} rounds` }, pairs);
    });
  return [
    ...figures('wake-up delay P99', ({ wakeMs }) => wakeMs),
    ...figures('the same piece of work P95', ({ workMs }) => workMs),
  ];
}

function feel(): Felt {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  const wakes: number[] = [];
  const works: number[] = [];
  const end = performance.now() + roundMs;
  while (performance.now() < end) {
    const asleep = performance.now();
    Atomics.wait(nothing, 0, 0, sleepMs);
    const awake = performance.now();
    wakes.push(awake - asleep - sleepMs);
    work();
    works.push(performance.now() - awake);
  }
  return { wakeMs: quantile(wakes, 0.99), workMs: quantile(works, 0.95) };
}

/** Some milliseconds of it. */
function work(): number {
  let number = 1;
  for (let step = 0; step < 1e6; step += 1) number = (number * 1_103_515_245 + 12_345) & 0x7fffffff;
  return number;
}
