// The operator as a bundle: 40 MB less in memory than from its sources, and a second less to start. Prints the file to run.
// Usage: npm run bundle-operator [-- DIRECTORY [VERSION]]

import process from 'node:process';
import { bundle } from './bundle.ts';

/**
 * Stacks name the lines of the sources. Objects are collected after fewer new ones, the heap grows by a quarter at a time, and pages
 * that are half empty are given back: with eight thousand jobs 251 MB instead of 316, for a fifth more of processor time.
 */
export const operatorNodeFlags: readonly string[] = [
  '--enable-source-maps',
  '--max-semi-space-size=2',
  '--heap-growing-percent=25',
  '--optimize-for-size',
];

/**
 * @param dir where to put it; a directory named by its content unless told.
 * @param version what it says of itself; that of package.json unless told.
 * @returns the file to run.
 */
export function bundleOperator(dir?: string, version?: string): Promise<string> {
  return bundle({ name: 'operator', entry: 'operator/src/main.ts', maps: true, version }, dir);
}

if (import.meta.main) console.log(await bundleOperator(process.argv[2], process.argv[3]));
