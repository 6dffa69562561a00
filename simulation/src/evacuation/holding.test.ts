// What becomes of machines that make trouble, with the whole operator on a simulated pool.
import { describe, expect, it } from '@jest/globals';
import { inLab, Lab, minuteMs } from './lab.ts';

describe('a machine on which guests do not start', () => {
  it('is held down after two jobs, and takes others when that is over', () => {
    const pullMs = (node: string, image: string): number | undefined =>
      node === 'pc-1' && image !== 'sim/for-ever' ? undefined : 0;
    return inLab(new Lab(['pc-1', 'pc-2'], { pullMs }), async (lab) => {
      const placement = { nodeSelector: { 'kubernetes.io/hostname': 'pc-1' }, dedicatedOnly: false };
      const retries = { limit: 0, when: [] };
      for (const name of ['a', 'b']) {
        lab.pool.submit(name, { image: { containerDisk: `sim/${name}` }, startDeadline: '30s', placement, retries });
      }
      await lab.until('both have failed', () =>
        ['a', 'b'].every((name) => lab.pool.job(name)?.status?.phase === 'Failed'),
      );
      await lab.pool.clock.advance(1_000);
      expect(JSON.parse(lab.node('pc-1')?.metadata.annotations?.['idlewild.dev/hold'] ?? '{}')).toMatchObject({
        count: 1,
        reason: 'StartFailed',
        message: 'held down for 60 s (for the first time): guests failed to start on it 2 times within an hour',
      });
      lab.pool.submit('c', { image: { containerDisk: 'sim/for-ever' }, placement });
      await lab.pool.clock.advance(10_000);
      expect(lab.pool.job('c')?.status?.waiting?.message).toMatch(/held down/);
      await lab.until('it takes jobs again', () => lab.on('c') === 'pc-1', 2 * minuteMs);
    });
  });
});

describe('a machine that flaps', () => {
  const outage = async ({ pool }: Lab, name: string): Promise<void> => {
    pool.kubeVirt.powerOff(name);
    await pool.clock.advance(2 * minuteMs);
    pool.kubeVirt.powerOn(name);
    await pool.clock.advance(30_000);
  };

  it('gets no jobs for a while after the second time, and then again', () =>
    inLab(new Lab(['pc-1']), async (lab) => {
      await lab.pool.clock.advance(minuteMs);
      await outage(lab, 'pc-1');
      const hold = (): { until?: string; count?: number } =>
        JSON.parse(lab.node('pc-1')?.metadata.annotations?.['idlewild.dev/hold'] ?? '{}') as object;
      expect(hold()).toMatchObject({ count: 0 });
      expect(hold().until).toBeUndefined();
      await outage(lab, 'pc-1');
      expect(hold()).toMatchObject({ count: 1, until: expect.any(String) });
      lab.pool.submit('a', { image: { containerDisk: 'sim/for-ever' } });
      await lab.pool.clock.advance(5_000);
      expect(lab.pool.job('a')?.status?.waiting?.reasons?.[0]).toMatchObject({ reason: 'HeldDown', machines: 1 });
      await lab.until('it is free', () => lab.on('a') === 'pc-1', 3 * minuteMs);
      expect(hold().until).toBeUndefined();
      await lab.pool.clock.advance(7 * 60 * minuteMs);
      expect(lab.node('pc-1')?.metadata.annotations?.['idlewild.dev/hold']).toBeUndefined();
    }));
});
