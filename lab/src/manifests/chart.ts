// The rights that Idlewild has where it is installed: the chart's own, rendered by the real helm, so that nothing works in the lab
// for which a cluster would give no right. Rendered once per content of the chart, as that takes longer than all else here.

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, readdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { defaultCacheDir } from '../images/cache.ts';
import { ensureKubectl } from '../tools/kubectl.ts';

const run = promisify(execFile);
const chartDir = join(import.meta.dirname, '..', '..', '..', 'charts', 'idlewild');

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/**
 * Service accounts, roles, bindings and admission policies, as an installation in `idlewild-system` has them with the chart's own
 * values; every file of the chart's `templates/rights`, and nothing else.
 * @param cacheDir where helm and what it rendered are kept.
 * @throws with helm's words, and when there is no helm for this machine.
 */
export async function chartRights(cacheDir = defaultCacheDir()): Promise<readonly Manifest[]> {
  const file = join(cacheDir, 'charts', `rights-${await fingerprint()}.json`);
  const known = await readFile(file, 'utf8').catch(() => undefined);
  if (known !== undefined) return JSON.parse(known) as readonly Manifest[];
  // For other kinds of machines there is none to unpack, but perhaps one installed.
  const helm = await ensureKubectl(join(cacheDir, 'bin')).then(
    (programs) => programs.helm,
    () => 'helm',
  );
  const what = ['template', 'idlewild', chartDir, '--namespace', 'idlewild-system'];
  const { stdout } = await run(helm, [...what, '--show-only', 'templates/rights/*.yaml'], { maxBuffer: 2 ** 26 });
  const rights = parseAllDocuments(stdout).flatMap((document) => {
    const manifest = document.toJS() as Manifest | null;
    return manifest === null ? [] : [manifest];
  });
  // The namespaces first, in which the others are.
  const ordered = [...rights.filter(isNamespace), ...rights.filter((manifest) => !isNamespace(manifest))];
  await mkdir(join(cacheDir, 'charts'), { recursive: true });
  const draft = `${file}.${process.pid}.part`;
  await writeFile(draft, JSON.stringify(ordered));
  await rename(draft, file);
  return ordered;
}

const isNamespace = ({ kind }: Manifest): boolean => kind === 'Namespace';

async function fingerprint(): Promise<string> {
  const entries = await readdir(chartDir, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of files.sort()) {
    hash.update(file.slice(chartDir.length)).update('\0');
    hash.update(await readFile(file)).update('\0');
  }
  return hash.digest('hex').slice(0, 24);
}
