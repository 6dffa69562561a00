// The promise of `make clean`: tried on a copy of the Makefile in a folder of its own, never here.
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const { workspaces } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { workspaces: string[] };
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'make-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('make clean', () => {
  it('leaves what was written by hand, and no package of any folder', () => {
    copyFileSync(join(root, 'Makefile'), join(folder, 'Makefile'));
    for (const part of ['.', ...workspaces]) {
      mkdirSync(join(folder, part, 'node_modules/some'), { recursive: true });
      writeFileSync(join(folder, part, 'package.json'), '{}');
    }
    for (const built of ['.lab', 'web/dist']) mkdirSync(join(folder, built));
    execFileSync('make', ['clean'], { cwd: folder });
    expect(readdirSync(folder).sort()).toEqual(['Makefile', 'package.json', ...workspaces].sort());
    for (const part of workspaces) expect(readdirSync(join(folder, part))).toEqual(['package.json']);
  }, 60_000);
});
