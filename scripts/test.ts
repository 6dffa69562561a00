// Runs every test and ends with one line, `N passed, N failed`. Tests with a whole lab each come after all others; two labs at
// a time, since most of their time is waiting for a boot or for a lease to run out. Simulations use all the processor there
// is, and so run beside no test that waits for anything.
//
// A file that failed beside the others gets a second look, alone: processes, sockets and guests share the machine with whatever
// else runs there. What passes then is named as unsteady. Virtual time has no such excuse, nor has a run of chosen files.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { outcome, secondLooks, withSecondLook, type Run } from './outcome.ts';

interface Stage {
  readonly name: string;
  readonly args: readonly string[];
  readonly looksTwice: boolean;
}

const scratch = mkdtempSync(join(tmpdir(), 'idlewild-test-'));
const labs = ['lab/src/cli/', 'e2e/journeys/'];
/** All of them but the one test there that waits. */
const simulations = '/simulation/src/(?!against-api-server)';
const only = process.argv.slice(2);
const stages: readonly Stage[] =
  only.length > 0
    ? [{ name: 'chosen', args: ['--testPathPatterns', ...only], looksTwice: false }]
    : [
        {
          name: 'without a lab',
          args: ['--testPathIgnorePatterns', '/node_modules/', '/.lab/', ...labs, simulations],
          looksTwice: true,
        },
        { name: 'in virtual time', args: ['--testPathPatterns', simulations], looksTwice: false },
        { name: 'with a lab', args: ['--testPathPatterns', ...labs], looksTwice: true },
      ];
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];
const workers = 2;

let passed = 0;
let failed = 0;
for (const { name, args, looksTwice } of stages) {
  const started = process.hrtime.bigint();
  let { run, broke } = runTests(name, args, workers);
  const again = looksTwice ? secondLooks(outcome(run).files) : [];
  if (again.length > 0) {
    console.log(`a second look, alone, at ${again.map(named).join(', ')}`);
    const second = runTests(`${name}, again`, ['--runTestsByPath', ...again], 1);
    for (const file of again) {
      if (outcome(second.run).files.includes(file) || second.broke) continue;
      console.log(`unsteady: ${named(file)} failed beside the others and passed alone`);
    }
    broke = second.broke;
    run = withSecondLook(run, second.run);
  }
  const result = outcome(run);
  passed += result.passed;
  failed += Math.max(result.failed, broke ? 1 : 0);
  console.log(`tests ${name}: ${Number((process.hrtime.bigint() - started) / 1_000_000_000n)} s`);
}
rmSync(scratch, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** `broke`: it ended otherwise than with the word that its results give. */
function runTests(name: string, args: readonly string[], workers: number): { run: Run; broke: boolean } {
  const outputFile = join(scratch, `${name}.json`);
  const { status } = spawnSync(
    process.execPath,
    [...jest, ...args, `--maxWorkers=${workers}`, '--json', `--outputFile=${outputFile}`],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const run = readRun(outputFile);
  return { run, broke: status !== 0 && outcome(run).failed === 0 };
}

/** A run that died before it could write its results has none. */
function readRun(file: string): Run {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Run;
  } catch {
    return { testResults: [] };
  }
}

function named(file: string): string {
  return relative(process.cwd(), file);
}
