// The portal's server as a bundle, for its image. The pages are built by themselves and told to it with --web.
// Prints the file to run. Usage: node_modules/.bin/node scripts/bundle-portal.ts [DIRECTORY]

import process from 'node:process';
import { bundle } from './bundle.ts';

/** Stacks name the lines of the sources, and objects are collected after fewer new ones, as in the operator. */
export const portalNodeFlags: readonly string[] = ['--enable-source-maps', '--max-semi-space-size=2'];

/** @param dir where to put it; a directory named by its content unless told. @returns the file to run. */
function bundlePortal(dir?: string): Promise<string> {
  return bundle({ name: 'portal', entry: 'operator/src/portal/main.ts', maps: true }, dir);
}

if (import.meta.main) console.log(await bundlePortal(process.argv[2]));
