// Live migration of a real guest with its disks, and every way to call it off.
import { afterAll, describe, expect, it } from '@jest/globals';
import type { Guest } from './guest.ts';
import { bootTimeoutMs, TinyGuests, Transcript } from './testing/tiny-guests.ts';

const guests = new TinyGuests();
afterAll(() => guests.killAll());

// A file in memory, one on the scratch disk, and a count that shows the guest's own uptime.
const counting = `mke2fs -q /dev/vdb >/dev/null && mount /dev/vdb /scratch
echo in-memory >/root/file
head -c 3000000 /dev/urandom >/scratch/file; sync
echo "sum=$(md5sum </scratch/file)"
n=0
while :; do
  n=$((n+1)); echo "tick $n $(cut -d ' ' -f 1 /proc/uptime) $(cat /root/file)"
  echo $n >>/scratch/ticks; sync
  [ -n "$(find /scratch/ticks -size +1000k)" ] && break
  [ $((n % 5)) = 0 ] && { echo 3 >/proc/sys/vm/drop_caches; echo "again=$(md5sum </scratch/file) ticks=$(wc -l </scratch/ticks)"; }
  sleep 0.1
done`;

async function countingGuest(id: string): Promise<{ source: Guest; seen: Transcript; target: () => Promise<Guest> }> {
  const spec = await guests.spec(id, counting, { graphics: true });
  const source = await guests.start(spec);
  const seen = new Transcript(source.attachSerial());
  await seen.until(/tick 3 /);
  return { source, seen, target: () => guests.start(spec, { incoming: true }) };
}

const lastTick = (text: string): number => Number([...text.matchAll(/tick (\d+) /g)].at(-1)?.[1]);

describe('live migration', () => {
  it(
    'keeps the uptime, the memory and the disks, and stands still for less than a second or so',
    async () => {
      const { source, seen, target: startTarget } = await countingGuest('mover');
      const sum = (await seen.until(/sum=(\w+)/))[1];
      const target = await startTarget();
      const after = new Transcript(target.attachSerial());
      expect(target.state).toBe('incoming');
      const phases = new Set<string>();
      const arrived = target.arrived({ timeoutMs: bootTimeoutMs });
      const result = await source.migrateTo(await target.prepareIncoming(), {
        onProgress: ({ phase }) => phases.add(phase),
      });
      const { resumedAtMs } = await arrived;
      expect([source.state, target.state]).toEqual(['migrated', 'running']);
      await expect(source.resume()).rejects.toThrow('must not run here again');
      expect((await source.quit()).reason).toBe('migrated');

      const next = await after.until(/tick (\d+) (\d+)\.\d+ in-memory/);
      expect(Number(next[1])).toBe(lastTick(seen.text) + 1);
      const uptimeBefore = Number([...seen.text.matchAll(/tick \d+ (\d+)/g)].at(-1)?.[1]);
      expect(Number(next[2])).toBeGreaterThanOrEqual(uptimeBefore);
      const check = await after.until(/tick (\d+) [^\n]*\n *again=(\w+) +-? *ticks=(\d+)/);
      expect(check[2]).toBe(sum);
      expect(check[3]).toBe(check[1]);

      expect(phases).toContain('memory');
      expect(resumedAtMs - result.stoppedAtMs).toBeLessThan(5000);
      expect(result.downtimeMs).toBeLessThan(5000);
      expect(result.totalMs).toBeGreaterThan(result.downtimeMs);
      expect(result.transferredBytes).toBeGreaterThan(20 << 20);
      expect((await target.screenshot()).length).toBeGreaterThan(100);
    },
    bootTimeoutMs * 2,
  );

  it(
    'leaves the guest running where it was when it is called off or the target dies, and can then still succeed',
    async () => {
      const { source, seen, target: startTarget } = await countingGuest('stayer');
      const goesOn = async (): Promise<void> => {
        const tick = lastTick(seen.text);
        await seen.until(new RegExp(`tick ${tick + 3} `));
        expect(source.state).toBe('running');
      };

      // Called off during the memory copy.
      const abandoned = await startTarget();
      const stop = new AbortController();
      const slow = source.migrateTo(await abandoned.prepareIncoming(), {
        signal: stop.signal,
        maxBytesPerSecond: 1 << 20,
        onProgress: ({ phase }) => phase === 'memory' && stop.abort(new Error('the owner left again')),
      });
      await expect(slow).rejects.toThrow('migrate guest stayer: the owner left again');
      await goesOn();
      expect(['migration-failed', 'killed']).toContain((await abandoned.kill()).reason);

      // Too slow for its time-out.
      const patient = await startTarget();
      const late = source.migrateTo(await patient.prepareIncoming(), { maxBytesPerSecond: 1 << 20, timeoutMs: 1500 });
      await expect(late).rejects.toThrow(/migrate guest stayer: .*timeout/);
      await goesOn();
      await patient.kill();

      // The target dies half-way.
      const doomed = await startTarget();
      const lost = source.migrateTo(await doomed.prepareIncoming(), {
        maxBytesPerSecond: 1 << 20,
        onProgress: ({ phase }) => phase === 'memory' && process.kill(doomed.pid, 'SIGKILL'),
      });
      await expect(lost).rejects.toThrow('migrate guest stayer: ');
      await doomed.exited;
      await goesOn();

      // Nobody is there.
      const nowhere = { migrateSocket: '/nonexistent/migrate.sock', nbdSocket: '/nonexistent/nbd.sock' };
      await expect(source.migrateTo(nowhere, {})).rejects.toThrow('migrate guest stayer: ');
      await goesOn();

      // A paused guest arrives paused.
      await source.pause();
      const shelter = await startTarget();
      const arrived = shelter.arrived({ timeoutMs: bootTimeoutMs, paused: true });
      await source.migrateTo(await shelter.prepareIncoming(), {});
      await arrived;
      expect(shelter.state).toBe('paused');
      await source.kill();
      const after = new Transcript(shelter.attachSerial());
      await shelter.resume();
      await after.until(/tick \d+ /);
    },
    bootTimeoutMs * 3,
  );
});
