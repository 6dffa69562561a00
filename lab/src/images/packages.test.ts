import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installLine, labPackages, missingPackages, programPath, requirePackages } from './packages.ts';

const folder = await mkdtemp(join(tmpdir(), 'idlewild-packages-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('what is missing on a machine', () => {
  it('is everything on a machine with nothing, in a fixed order', async () => {
    expect(await missingPackages(labPackages, folder)).toEqual(labPackages.map(({ name }) => name));
  });

  it('is told by the program, which must be executable', async () => {
    const wanted = [
      { name: 'one', program: 'first' },
      { name: 'two', program: 'second' },
      { name: 'three', program: 'third' },
    ];
    await writeFile(join(folder, 'first'), '', { mode: 0o755 });
    await writeFile(join(folder, 'second'), '', { mode: 0o644 });
    expect(await missingPackages(wanted, folder)).toEqual(['two', 'three']);
  });

  it('is refused with the command that installs it', async () => {
    const wanted = [{ name: 'qemu-utils', program: 'no-such-program' }];
    await expect(requirePackages(wanted, folder)).rejects.toMatchObject({
      kind: 'packages',
      message:
        'programs are missing on this machine; install them with: apt-get install -y --no-install-recommends qemu-utils',
    });
    expect(installLine(['a', 'b'])).toBe('apt-get install -y --no-install-recommends a b');
  });

  it('is looked for where administrators keep programs too', () => {
    expect(programPath('/opt/bin:/usr/sbin').split(':')).toEqual(['/opt/bin', '/usr/sbin', '/usr/local/sbin', '/sbin']);
  });
});
