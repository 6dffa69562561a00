// Makes a program small where it runs: one directory with what it imports, without types to strip at start, and without the
// parts of its libraries that it does not use. What it imports only on demand is a file of its own there.
// Promises: the sources stay the only truth. Without a directory of the caller's it is named by its content, below
// node_modules/.cache, so that labs that run side by side never take it from each other.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { build, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '..');
const cache = join(root, 'node_modules/.cache/idlewild');

/** An import of a module of Node asks for all that it exports, also for what would be loaded only on use, such as a fetch. */
const nodeOnDemand: Plugin = {
  name: 'node on demand',
  setup: ({ onResolve, onLoad }) => {
    const known = new Set(builtinModules);
    onResolve({ filter: /^(node:)?\w+(\/\w+)?$/ }, ({ path }) => {
      const name = path.replace(/^node:/, '');
      return known.has(name) ? { path: name, namespace: 'node' } : undefined;
    });
    onLoad({ filter: /./, namespace: 'node' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('node:${path}')`,
    }));
  },
};

/** The logger's threads are for transports, and no program here has one. */
const noThreads: Plugin = {
  name: 'no threads',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^thread-stream$/ }, ({ path }) => ({ path, namespace: 'absent' }));
    onLoad({ filter: /./, namespace: 'absent' }, () => ({ contents: 'module.exports = undefined' }));
  },
};

/**
 * Node keeps an array for every place that a map names, from the first stack that it translates: four of five would be
 * places in libraries, a tenth of the operator's memory. Nobody looks for a line of theirs in our sources.
 */
const onlyOwnMaps: Plugin = {
  name: 'only own maps',
  setup: ({ onLoad }) => {
    const nothing = Buffer.from(JSON.stringify({ version: 3, sources: [''], mappings: 'AAAA' })).toString('base64');
    onLoad({ filter: /\/node_modules\/.*\.([cm]?js|json)$/, namespace: 'file' }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      const code = path.endsWith('.json') ? `module.exports = ${text}` : text;
      return { contents: `${code}\n//# sourceMappingURL=data:application/json;base64,${nothing}`, loader: 'js' };
    });
  },
};

export interface Bundle {
  readonly name: string;
  /** From the root of the repository. */
  readonly entry: string;
  /** Source maps beside the files, for `--enable-source-maps`. They cost memory while they are in use. */
  readonly maps: boolean;
  /** What it says of itself; the version of package.json unless given. */
  readonly version?: string | undefined;
}

/** @param dir where to put it, replaced if it is there. @returns the file to run. Throws with the bundler's words. */
export async function bundle({ name, entry, maps, version = packageVersion() }: Bundle, dir?: string): Promise<string> {
  const wanted = dir === undefined ? undefined : resolve(dir);
  // Maps name sources from where the files will be, and that is as deep for every name in the cache.
  const outdir = wanted ?? join(cache, name);
  const { outputFiles } = await build({
    entryPoints: { main: join(root, entry) },
    outdir,
    bundle: true,
    splitting: true,
    write: false,
    platform: 'node',
    format: 'esm',
    outExtension: { '.js': '.mjs' },
    target: 'node22',
    sourcemap: maps && 'linked',
    sourcesContent: false,
    // Names stay, for whoever reads a stack.
    minifyWhitespace: true,
    minifySyntax: true,
    define: { IDLEWILD_VERSION: JSON.stringify(version) },
    plugins: [nodeOnDemand, noThreads, ...(maps ? [onlyOwnMaps] : [])],
    logLevel: 'error',
  });
  const hash = createHash('sha256');
  for (const { path, contents } of outputFiles) hash.update(basename(path)).update(contents);
  const target = wanted ?? join(cache, `${name}-${hash.digest('hex').slice(0, 16)}`);
  const main = join(target, 'main.mjs');
  if (wanted === undefined && existsSync(main)) return main;
  const partial = `${target}.${process.pid}`;
  for (const { path, contents } of outputFiles) {
    const file = join(partial, path.slice(outdir.length));
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, contents);
  }
  if (wanted !== undefined) rmSync(wanted, { recursive: true, force: true });
  try {
    renameSync(partial, target);
  } catch (error) {
    // Somebody else was faster, with the same content.
    if (!existsSync(main)) throw error;
    rmSync(partial, { recursive: true });
  }
  return main;
}

function packageVersion(): string {
  return (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version;
}
