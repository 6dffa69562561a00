// `npm run trials`: a lab of its own, in which machines are lost in every way, again and again, while guests beat. Prints one line
// for each guest that was struck and a table at the end; ends with code 1 when anything was seen that must never be.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { random, shuffled } from '../src/random.ts';
import { Arena, labForTrials } from './arena.ts';
import { kinds, kindsNamed } from './kinds.ts';
import { lineOf, table, type Trial } from './report.ts';
import { playRound } from './round.ts';

/** As many as the lab's machines lend cores. */
const guestsPerMachine = 2;
const usage = `usage: npm run trials -- [--seed N] [--rounds N] [--kinds KIND,...] [--machines N] [--jobs N] [--together N]
                              [--json FILE]

  --seed N       chooses the machines and the order (1)
  --rounds N     events of each kind (1); each befalls all guests of one machine, or of the lab
  --kinds        some of: ${kinds.map(({ name }) => name).join(', ')}
  --machines N   of the lab (3); each takes two guests
  --jobs N       guests (4); without the machines that are struck there must still be room for all
  --together N   machines that one event befalls (1)
  --json FILE    writes every trial there`;

function whole(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${name}: "${text}" is not allowed; a whole number is`);
  return Number(text);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      rounds: { type: 'string', default: '1' },
      kinds: { type: 'string', default: kinds.map(({ name }) => name).join(',') },
      machines: { type: 'string', default: '3' },
      jobs: { type: 'string', default: '4' },
      together: { type: 'string', default: '1' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return console.log(usage);
  const seed = whole('seed', values.seed);
  const chosen = kindsNamed(values.kinds.split(','));
  const machines = whole('machines', values.machines);
  const jobs = whole('jobs', values.jobs);
  const together = whole('together', values.together);
  const room = (machines - together) * guestsPerMachine;
  if (together < 1 || room < 1)
    throw new Error(`--together: 1 to ${machines - 1} are allowed with ${machines} machines`);
  if (jobs < 1 || jobs > room) throw new Error(`--jobs: 1 to ${room} are allowed with these machines`);
  const chance = random(seed);
  const events = Array.from({ length: whole('rounds', values.rounds) }, () => shuffled(chosen, chance)).flat();

  const cluster = await labForTrials(machines);
  const arena = await Arena.open(
    cluster,
    Array.from({ length: jobs }, (_, index) => `beat${index + 1}`),
  );
  const trials: Trial[] = [];
  try {
    for (const kind of events) {
      const played = await playRound(arena, kind, chance, together);
      for (const trial of played) console.log(lineOf(trial));
      trials.push(...played);
    }
  } finally {
    arena.close();
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify({ seed, trials }, null, 1)}\n`);
    console.log(`\nseed ${seed}, ${machines} machines, ${jobs} jobs; seconds\n`);
    for (const line of table(
      chosen.map(({ name }) => name),
      trials,
    ))
      console.log(line);
    await cluster.stop();
  }
  if (trials.some(({ violations }) => violations.length > 0)) process.exitCode = 1;
}

try {
  await main();
} catch (error) {
  console.error(`trials: ${(error as Error).message}`);
  process.exitCode = 1;
}
