// The chart as the real helm renders and checks it, without a cluster, for tests of what is in it.
// Promises helm's own words in whatever it throws.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { defaultCacheDir } from '@idlewild/lab/images/cache.ts';
import { ensureKubectl } from '@idlewild/lab/tools/kubectl.ts';
import { parseAllDocuments } from 'yaml';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
export const chartDir = join(root, 'charts/idlewild');
/** Values that the end-to-end tests install with. */
export const kindValues = join(root, 'e2e/kind/values.yaml');

export interface Rendered {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
}

/** @param args as `helm` takes them; @throws with what helm wrote to its standard output and error. */
async function helm(...args: string[]): Promise<string> {
  const { helm: program } = await ensureKubectl(join(defaultCacheDir(), 'bin'));
  try {
    return (await run(program, args, { maxBuffer: 2 ** 26 })).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`helm ${args.join(' ')}:\n${stdout}${stderr}`, { cause: error });
  }
}

/** What `helm lint --strict` says. @param args such as `--set`, `portal.enabled=false`. */
export const lint = (...args: string[]): Promise<string> => helm('lint', '--strict', chartDir, ...args);

/** All objects of a release in `lab-system`. */
export async function render(...args: string[]): Promise<readonly Rendered[]> {
  const text = await helm('template', 'idlewild', chartDir, '-n', 'lab-system', ...args);
  return parseAllDocuments(text).flatMap((document) => (document.toJS() as Rendered | null) ?? []);
}

/** What helm says after an installation in `lab-system`. */
export async function notes(...args: string[]): Promise<string> {
  // `helm template` has no notes; an installation that is only tried needs no cluster.
  const text = await helm('install', 'idlewild', chartDir, '-n', 'lab-system', '--dry-run=client', ...args);
  return text.slice(text.indexOf('\nNOTES:\n'));
}
