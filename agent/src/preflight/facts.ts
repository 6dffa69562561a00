// What can be known of a machine before it joins, read from its files below one root.
// Promises: reads and looks only, opens no device; what cannot be read is absent, never an error.

import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Space {
  readonly freeMiB: number;
  readonly totalMiB: number;
}

export interface HostFiles {
  /** Text of a file; undefined when it cannot be read. */
  text(path: string): string | undefined;
  exists(path: string): boolean;
  readable(path: string): boolean;
  writable(path: string): boolean;
  executable(path: string): boolean;
  /** Names in a directory; none when it cannot be read. */
  list(path: string): readonly string[];
  /** Of the file system that holds the path, or the nearest directory above it that exists. */
  space(path: string): Space | undefined;
}

/** @param statfs of an absolute path; throws when there is no such path. */
export function hostFiles(root: string, statfs: (path: string) => Space): HostFiles {
  const may = (mode: number) => (path: string) => {
    try {
      accessSync(join(root, path), mode);
      return true;
    } catch {
      return false;
    }
  };
  return {
    text(path) {
      try {
        return readFileSync(join(root, path), 'utf8');
      } catch {
        return undefined;
      }
    },
    exists: may(constants.F_OK),
    readable: may(constants.R_OK),
    writable: may(constants.W_OK),
    executable: may(constants.X_OK),
    list(path) {
      try {
        return readdirSync(join(root, path)).sort();
      } catch {
        return [];
      }
    },
    space(path) {
      for (let at = path; ; at = join(at, '..')) {
        try {
          return statfs(join(root, at));
        } catch {
          if (at === '/' || at === '.') return undefined;
        }
      }
    },
  };
}
