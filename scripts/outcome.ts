// What a run of tests came to, and which of its files are worth a second look.

/** What jest writes with --json of a run, as far as it is read here. */
export interface Run {
  readonly testResults: readonly {
    /** The file. */
    readonly name: string;
    readonly status: string;
    /** What went wrong, for people. */
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  /** The files that failed. */
  readonly files: readonly string[];
}

/** A test that was skipped counts as failed, and so does a file that could not be run. */
export function outcome({ testResults }: Run): Outcome {
  let passed = 0;
  let failed = 0;
  const files: string[] = [];
  for (const { name, status, assertionResults } of testResults) {
    const good = assertionResults.filter((result) => result.status === 'passed').length;
    const bad = assertionResults.length - good;
    passed += good;
    failed += bad > 0 ? bad : status === 'failed' ? 1 : 0;
    if (bad > 0 || status === 'failed') files.push(name);
  }
  return { passed, failed, files };
}

/** More files than these fail from one cause, which a second look does not take away. */
const mostLooks = 3;

/** The files that are run a second time, alone. */
export const secondLooks = (failed: readonly string[]): readonly string[] => (failed.length > mostLooks ? [] : failed);

/** The first run with what the second look at some of its files gave in the place of what they gave at first. */
export const withSecondLook = (first: Run, second: Run): Run => ({
  testResults: first.testResults.map((result) => second.testResults.find(({ name }) => name === result.name) ?? result),
});
