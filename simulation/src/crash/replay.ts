// Plays one scenario again: what a failing test tells, as arguments.
//
//   node_modules/.bin/node simulation/src/crash/replay.ts --scenario 'a machine that is lost' --seed 7 --faults mix --kill after:3

import process from 'node:process';
import { parseArgs } from 'node:util';
import { singleFaults, type FaultSet } from '../faults/fault-plan.ts';
import type { Death } from '../faults/mortal-transport.ts';
import { play } from './play.ts';
import { scenarios } from './scenarios.ts';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: '' },
    seed: { type: 'string', default: '1' },
    faults: { type: 'string', default: 'none' },
    kill: { type: 'string' },
    every: { type: 'boolean', default: false },
  },
});

function deathOf(text: string | undefined): Death | undefined {
  if (text === undefined) return undefined;
  const [, when, write] = /^(before|after):(\d+)$/.exec(text) ?? [];
  if (when === undefined) throw new TypeError('--kill: must be before:N or after:N');
  return { write: Number(write), when: when as Death['when'], ...(values.every ? { carriedOut: true } : {}) };
}

function faultsOf(text: string): FaultSet | undefined {
  if (text === 'none') return undefined;
  const sets = ['mix', ...Object.keys(singleFaults)];
  if (!sets.includes(text)) throw new TypeError(`--faults: must be none or one of ${sets.join(', ')}`);
  return text as FaultSet;
}

const scenario = scenarios.find(({ name }) => name === values.scenario);
const seed = Number(values.seed);
try {
  if (!scenario) throw new TypeError(`--scenario: must be one of\n${scenarios.map(({ name }) => name).join('\n')}`);
  const faults = faultsOf(values.faults);
  const { trace, writes, lives, tookMs } = await play(scenario, {
    ...{ seed, faults, death: deathOf(values.kill), everyLife: values.every },
  });
  for (const line of trace.lines({ without: ['leases'] })) process.stdout.write(`${line}\n`);
  process.stdout.write(`the end came after ${tookMs / 1000} s, ${writes} writes and ${lives} operators\n`);
} catch (error) {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
}
