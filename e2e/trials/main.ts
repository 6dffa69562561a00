// `npm run trials`: a lab of its own, in which machines are lost in every way, again and again, while guests beat. Prints one line
// for each guest that was struck and a table at the end; ends with code 1 when anything was seen that must never be.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { LabCluster } from '../src/cluster.ts';
import { random, shuffled } from '../src/random.ts';
import { Arena, now } from './arena.ts';
import { notStruck, restOf } from './event.ts';
import { kinds, kindsNamed, type Kind } from './kinds.ts';
import { lineOf, table, type Trial } from './report.ts';
import { playRound } from './round.ts';
import { playStreams } from './streams.ts';
import { labForTrials, type Guests } from './trial-lab.ts';

/** As many as the lab's machines lend cores. */
const guestsPerMachine = 2;
const options = {
  seed: { type: 'string', default: '1' },
  rounds: { type: 'string', default: '1' },
  trials: { type: 'string' },
  minutes: { type: 'string', default: '1000' },
  kinds: { type: 'string', default: kinds.map(({ name }) => name).join(',') },
  machines: { type: 'string', default: '3' },
  jobs: { type: 'string', default: '4' },
  together: { type: 'string', default: '1' },
  guests: { type: 'string', default: 'real' },
  json: { type: 'string' },
  help: { type: 'boolean', default: false },
} as const;
const usage = `usage: npm run trials -- [--seed N] [--rounds N | --trials N] [--minutes N] [--kinds KIND,...] [--guests real|light]
                              [--machines N] [--jobs N] [--together N] [--json FILE]

  --seed N       chooses the machines and the order (1)
  --rounds N     events of each kind, one after the other (1); each befalls all guests of one machine, or of the lab
  --trials N     instead: so many guests of each kind, with many events at once
  --minutes N    no event begins later than that (1000)
  --kinds        some of: ${kinds.map(({ name }) => name).join(', ')}
  --guests       real (unless told), or light: small processes in the place of emulators, for many trials
  --machines N   of the lab (3); each takes two guests
  --jobs N       guests (4); without the machines that are struck there must still be room for all
  --together N   machines that one event befalls; with --trials: that may be without guests at once (1)
  --json FILE    writes every trial there`;

interface Settings {
  readonly seed: number;
  readonly rounds: number;
  readonly trials: number | undefined;
  readonly minutes: number;
  readonly kinds: readonly Kind[];
  readonly machines: number;
  readonly jobs: number;
  readonly together: number;
  readonly guests: Guests;
  readonly json: string | undefined;
}

/** Undefined when help was asked for. Throws with the name of what is not allowed. */
function readSettings(): Settings | undefined {
  const { values } = parseArgs({ options });
  if (values.help) return undefined;
  const whole = (name: 'seed' | 'rounds' | 'minutes' | 'machines' | 'jobs' | 'together' | 'trials', text: string) => {
    if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: "${text}" is not allowed; a whole number is`);
    return Number(text);
  };
  const [machines, jobs, together] = (['machines', 'jobs', 'together'] as const).map((name) =>
    whole(name, values[name]),
  );
  const room = (machines! - together!) * guestsPerMachine;
  if (together! < 1 || room < 1)
    throw new Error(`--together: 1 to ${machines! - 1} are allowed with ${machines} machines`);
  if (jobs! < 1 || jobs! > room) throw new Error(`--jobs: 1 to ${room} are allowed with these machines`);
  const { guests } = values;
  if (guests !== 'real' && guests !== 'light')
    throw new Error(`--guests: "${guests}" is not allowed; real and light are`);
  return {
    seed: whole('seed', values.seed),
    rounds: whole('rounds', values.rounds),
    trials: values.trials === undefined ? undefined : whole('trials', values.trials),
    minutes: whole('minutes', values.minutes),
    kinds: kindsNamed(values.kinds.split(',')),
    ...{ machines: machines!, jobs: jobs!, together: together!, guests, json: values.json },
  };
}

/** What befalls a program of the lab befalls everybody, so it has its own rounds. */
const isForAll = (kind: Kind): boolean => kind.kill !== undefined;

async function play(arena: Arena, settings: Settings, onTrials: (trials: readonly Trial[]) => number): Promise<void> {
  const { seed, rounds, trials, kinds: chosen, together } = settings;
  const chance = random(seed);
  const endS = now() + settings.minutes * 60;
  const over = (): boolean => now() > endS;
  if (trials === undefined) {
    for (const kind of Array.from({ length: rounds }, () => shuffled(chosen, chance)).flat())
      if (!over()) onTrials(await playRound(arena, kind, chance, together));
    return;
  }
  const counts = new Map(chosen.filter(isForAll).map((kind) => [kind, 0]));
  const left = () => [...counts].filter(([, count]) => count < trials).map(([kind]) => kind);
  while (left().length > 0 && !over()) {
    for (const kind of shuffled(left(), chance))
      if (!over()) counts.set(kind, (counts.get(kind) ?? 0) + onTrials(await playRound(arena, kind, chance, together)));
  }
  await arena.calm();
  const own = chosen.filter((kind) => !isForAll(kind));
  await playStreams(arena, { kinds: own, trials, atOnce: together, seed, over, onTrials });
  await arena.calm();
}

async function main(): Promise<void> {
  const settings = readSettings();
  if (settings === undefined) return console.log(usage);
  const { seed, machines, jobs, guests, json } = settings;
  const trials: Trial[] = [];
  let cluster: LabCluster | undefined;
  try {
    cluster = await labForTrials(machines, guests);
    const names = Array.from({ length: jobs }, (_, index) => `beat${index + 1}`);
    const arena = await Arena.open(cluster, names);
    const onTrials = (played: readonly Trial[]): number => {
      for (const trial of played) console.log(lineOf(trial));
      return trials.push(...played);
    };
    try {
      await play(arena, settings, (played) => onTrials(played) && played.filter(({ event }) => event > 0).length);
    } finally {
      onTrials(restOf(arena));
      arena.close();
    }
  } finally {
    if (json !== undefined) writeFileSync(json, `${JSON.stringify({ seed, guests, trials }, null, 1)}\n`);
    console.log(`\nseed ${seed}, ${machines} machines, ${jobs} jobs, ${guests} guests; seconds\n`);
    const rest = trials.some(({ kind }) => kind === notStruck) ? [notStruck] : [];
    for (const line of table([...settings.kinds.map(({ name }) => name), ...rest], trials)) console.log(line);
    await cluster?.stop();
  }
  if (trials.some(({ violations }) => violations.length > 0)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(`trials: ${(error as Error).message}`);
  process.exitCode = 1;
}
