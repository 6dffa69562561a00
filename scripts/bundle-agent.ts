// The agent as a bundle, for where it must be small. Prints the file to run. Usage: npm run bundle-agent [-- DIRECTORY]

import process from 'node:process';
import { bundle } from './bundle.ts';

/**
 * For a process that does little, five times a second: objects are collected after 1 MiB of new ones (16 MiB otherwise), no code
 * is made faster by compiling it again, what Node has ready of itself is not mapped, and the agent may collect when it sees fit.
 * Start takes a tenth of a second longer.
 */
export const agentNodeFlags: readonly string[] = [
  '--max-semi-space-size=1',
  '--no-opt',
  '--no-maglev',
  '--no-sparkplug',
  '--no-node-snapshot',
  '--expose-gc',
];

/** @param dir where to put it; a directory named by its content unless told. @returns the file to run. */
export function bundleAgent(dir?: string): Promise<string> {
  return bundle({ name: 'agent', entry: 'agent/src/main.ts', maps: false }, dir);
}

if (import.meta.main) console.log(await bundleAgent(process.argv[2]));
