// The real distribution as a guest: built (minutes, once per machine), booted with its own cloud-init, and shut down.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { defaultCacheDir, ensureImage } from './cache.ts';
import type { GuestImage } from './guest-image.ts';
import { TinyGuests, Transcript } from '../virt/qemu/testing/tiny-guests.ts';

const guests = new TinyGuests();
afterAll(() => guests.killAll());

const buildTimeoutMs = 15 * 60_000;
const debianBootMs = 5 * 60_000;

const script = `exec >/dev/ttyS0 2>&1
printf '\\nmarker:start\\n'
echo "name=$(hostname)"
mkfs.ext4 -q /dev/disk/by-id/virtio-scratch && mount /dev/disk/by-id/virtio-scratch /mnt
grep -o ' /mnt ext4' /proc/mounts
cat /etc/os-release
printf '\\nmarker:exit:0\\n'`;

describe('lab/debian', () => {
  let image: GuestImage;
  beforeAll(async () => {
    image = await ensureImage('lab/debian', { cacheDir: defaultCacheDir(), log: { info: () => undefined } });
  }, buildTimeoutMs);

  it(
    'runs a script with its cloud-init without any network, answers through its agent and obeys the power button',
    async () => {
      const guest = await guests.start(await guests.spec('server', script, { image, cores: 2, memoryMiB: 512 }));
      const seen = new Transcript(guest.attachSerial());
      const agent = new Promise<boolean>((resolve) => guest.once('agent', resolve));
      await seen.until(/^marker:start/m, debianBootMs);
      await seen.until(/^marker:exit:0/m, debianBootMs);
      expect(seen.text).toMatch(/^name=server\r?$/m);
      expect(seen.text).toMatch(/^ \/mnt ext4\r?$/m);
      expect(seen.text).toMatch(/^ID=debian\r?$/m);
      expect(await agent).toBe(true);
      const { hostname, os } = await guest.agentInfo(60_000);
      expect([hostname, os.id, os.versionId]).toEqual(['server', 'debian', '12']);
      await guest.powerdown();
      expect((await guest.exited).reason).toBe('guest-shutdown');
    },
    debianBootMs + 60_000,
  );
});
