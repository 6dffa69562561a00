// Runs every test and ends with one line, `N passed, N failed`. Tests with a whole lab each come after all others; two labs at
// a time, since most of their time is waiting for a boot or for a lease to run out. Simulations use all the processor there
// is, and so run beside no test that waits for anything.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface Results {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly numPendingTests: number;
}

const scratch = mkdtempSync(join(tmpdir(), 'idlewild-test-'));
const labs = ['lab/src/cli/', 'e2e/journeys/'];
/** All of them but the one test there that waits. */
const simulations = '/simulation/src/(?!against-api-server)';
const only = process.argv.slice(2);
const stages =
  only.length > 0
    ? [{ name: 'chosen', args: ['--testPathPatterns', ...only] }]
    : [
        {
          name: 'without a lab',
          args: ['--testPathIgnorePatterns', '/node_modules/', '/.lab/', ...labs, simulations],
        },
        { name: 'in virtual time', args: ['--testPathPatterns', simulations] },
        { name: 'with a lab', args: ['--testPathPatterns', ...labs] },
      ];
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];

let passed = 0;
let failed = 0;
for (const { name, args } of stages) {
  const started = process.hrtime.bigint();
  const outputFile = join(scratch, `${name}.json`);
  const { status } = spawnSync(
    process.execPath,
    [...jest, ...args, '--maxWorkers=2', '--json', `--outputFile=${outputFile}`],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  const results = readResults(outputFile);
  passed += results.numPassedTests;
  failed += results.numFailedTests + results.numRuntimeErrorTestSuites + results.numPendingTests;
  if (status !== 0 && results.numFailedTests + results.numRuntimeErrorTestSuites === 0) failed += 1;
  console.log(`tests ${name}: ${Number((process.hrtime.bigint() - started) / 1_000_000_000n)} s`);
}
rmSync(scratch, { recursive: true, force: true });
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;

/** A run that died before it could write its results counts as one failure. */
function readResults(file: string): Results {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Results;
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, numRuntimeErrorTestSuites: 1, numPendingTests: 0 };
  }
}
