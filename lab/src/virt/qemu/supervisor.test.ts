// A guest's life hangs on the process that started it, whatever happens to that one.
import { afterAll, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { bootTimeoutMs } from './testing/tiny-guests.ts';

const folder = await mkdtemp(join(tmpdir(), 'idlewild-supervisor-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

const url = (path: string): string => pathToFileURL(join(import.meta.dirname, path)).href;

const supervisor = `
import { pino } from 'pino';
import { defaultCacheDir, ensureImage } from '${url('../../images/cache.ts')}';
import { Guest } from '${url('guest.ts')}';
const log = pino({ level: 'silent' });
const image = await ensureImage('lab/broken', { cacheDir: defaultCacheDir(), log });
const spec = { id: 'child', image, cores: 1, memoryMiB: 32, disks: [], graphics: false, network: false, accel: 'tcg' };
const guest = await Guest.start(spec, { dir: process.argv[1], log });
process.stdout.write(String(guest.pid) + '\\n');
`;

it(
  'leaves no QEMU behind when the process that started it is killed with SIGKILL',
  async () => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', supervisor, folder], {
      cwd: import.meta.dirname,
      env: { PATH: process.env['PATH'], HOME: process.env['HOME'], IDLEWILD_CACHE: process.env['IDLEWILD_CACHE'] },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const pid = Number(line.toString());
    expect(isAlive(pid)).toBe(true);
    child.kill('SIGKILL');
    const deadline = Date.now() + 10_000;
    while (isAlive(pid) && Date.now() < deadline) await delay(20);
    expect(isAlive(pid)).toBe(false);
  },
  bootTimeoutMs,
);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
