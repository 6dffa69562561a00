// Runs every test and ends with one line, `N passed, N failed`. Tests that boot guests or a whole lab run one after the other,
// since two boots fill two cores; all others run side by side before them.
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
const guests = '(\\.guest|e2e/.*)\\.test\\.ts$';
const stages = [
  {
    name: 'without guests',
    args: ['--maxWorkers=2', `--testPathIgnorePatterns=${guests}`, '/node_modules/', '/.lab/'],
  },
  { name: 'with guests', args: ['--runInBand', `--testMatch=**/*.guest.test.ts`, '--testMatch=**/e2e/**/*.test.ts'] },
];
const only = process.argv.slice(2);
const jest = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning', 'node_modules/jest/bin/jest.js'];

let passed = 0;
let failed = 0;
for (const { name, args } of stages) {
  const started = process.hrtime.bigint();
  const outputFile = join(scratch, `${name}.json`);
  const { status } = spawnSync(
    process.execPath,
    [
      ...jest,
      ...args,
      '--passWithNoTests',
      '--json',
      `--outputFile=${outputFile}`,
      ...only.flatMap((path) => ['--testPathPatterns', path]),
    ],
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
