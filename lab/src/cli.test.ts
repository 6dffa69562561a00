// The command line as far as it needs no lab.
import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const lab = (...args: string[]) => {
  const cli = join(import.meta.dirname, 'cli.ts');
  const { status, stdout, stderr } = spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
};

describe('the command line of the lab', () => {
  it.each([[[]], [['help']], [['-h']], [['token', '--help']], [['owner', 'pc-4', '--help']], [['up', '-h']]])(
    'tells %j how it is used, and does nothing else',
    (args) => {
      const { status, stdout, stderr } = lab(...args);
      expect([status, stderr]).toEqual([0, expect.not.stringContaining('lab')]);
      expect(stdout).toMatch(/^usage: npm run lab -- COMMAND/);
    },
    60_000,
  );

  it('names a command that there is not, and those that there are', () => {
    const { status, stdout, stderr } = lab('foo');
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('there is no command foo\n\nusage:');
  }, 60_000);
});
