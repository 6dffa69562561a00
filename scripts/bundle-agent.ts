// Makes one file of the agent, for where it must be small: without types to strip at start, and without the parts of its
// libraries that it does not use. Prints where it is. Usage: npm run bundle-agent [-- FILE]
// Promises: the sources stay the only truth. Without FILE it is named by its content, below node_modules/.cache, so that labs
// that run side by side never take it from each other.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { build, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '..');

/**
 * For a process that does little, five times a second: objects are collected after 1 MiB of new ones (16 MiB otherwise), no code
 * is made faster by compiling it again, and what Node has ready of itself is not mapped. Start takes a tenth of a second longer.
 */
export const agentNodeFlags: readonly string[] = [
  '--max-semi-space-size=1',
  '--no-opt',
  '--no-maglev',
  '--no-sparkplug',
  '--no-node-snapshot',
];

/** An import of a module of Node asks for all that it exports, also for what would be loaded only on use, such as a fetch. */
const nodeOnDemand: Plugin = {
  name: 'node on demand',
  setup: ({ onResolve, onLoad }) => {
    const known = new Set(builtinModules);
    onResolve({ filter: /^(node:)?[a-z_]+(\/[a-z]+)?$/ }, ({ path }) => {
      const name = path.replace(/^node:/, '');
      return known.has(name) ? { path: name, namespace: 'node' } : undefined;
    });
    onLoad({ filter: /./, namespace: 'node' }, ({ path }) => ({
      contents: `module.exports = process.getBuiltinModule('node:${path}')`,
    }));
  },
};

/** The logger's threads are for transports, and the agent has none. */
const noThreads: Plugin = {
  name: 'no threads',
  setup: ({ onResolve, onLoad }) => {
    onResolve({ filter: /^thread-stream$/ }, ({ path }) => ({ path, namespace: 'absent' }));
    onLoad({ filter: /./, namespace: 'absent' }, () => ({ contents: 'module.exports = undefined' }));
  },
};

/** @param file where to put it. @returns where it is. Throws with the bundler's words. */
export async function bundleAgent(file?: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(root, 'agent/src/main.ts')],
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    target: 'node22',
    // Names stay, for whoever reads a stack.
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: [nodeOnDemand, noThreads],
    logLevel: 'error',
  });
  const content = outputFiles[0]?.contents ?? new Uint8Array();
  const name = createHash('sha256').update(content).digest('hex').slice(0, 16);
  const target = file ?? join(root, `node_modules/.cache/idlewild/agent-${name}.mjs`);
  if (file === undefined && existsSync(target)) return target;
  mkdirSync(dirname(target), { recursive: true });
  const partial = `${target}.${process.pid}`;
  writeFileSync(partial, content);
  renameSync(partial, target);
  return target;
}

if (import.meta.main) console.log(await bundleAgent(process.argv[2]));
