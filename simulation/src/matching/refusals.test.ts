// What becomes of everybody when the API server will not have what is written of one job, or a Secret is missing.
import { describe, expect, it } from '@jest/globals';
import { secrets } from '@idlewild/operator/api/resources.ts';
import { namespace } from '../crash/pool.ts';
import { at, minuteMs, whole, type Fate, type Witness } from './witness.ts';

describe.each([
  [422, 'ComputeJob.idlewild.dev "bad" is invalid: status.attempts: Too many'],
  [413, 'etcdserver: request is too large'],
])('a job whose status the server refuses with %i', (status, message) => {
  it('is told once, is not tried in a hot loop, and holds up nobody', () => {
    let refuses = true;
    const fate = ({ path }: { path: string }): Fate =>
      refuses && path.endsWith('/computejobs/bad/status') ? { status, message } : undefined;
    return at({ machines: ['pc-1', 'pc-2'], fate }, async (witness) => {
      witness.submit('bad', whole);
      for (const name of ['good-1', 'good-2']) witness.submit(name, whole);
      await witness.until('the others run', () => ['good-1', 'good-2'].every((name) => witness.pool.runsOn(name)));
      // The first refusal gave its machine to the next in line: nobody waited for another look at the refused one.
      expect(witness.nowMs).toBeLessThan(10_000);
      await witness.advance(60 * minuteMs);
      expect(witness.job('bad')?.status).toBeUndefined();
      const tries = witness.statusWrites('bad').length;
      expect(tries).toBeGreaterThan(1);
      expect(tries).toBeLessThan(25);
      expect(witness.events('bad')).toEqual([{ reason: 'Refused', note: expect.stringContaining(message) }]);
      refuses = false;
      witness.pool.deleteJob('good-1');
      await witness.until('it runs', () => witness.pool.runsOn('bad') !== undefined, 10 * minuteMs);
    });
  });
});

describe('a job of which the server refuses what it waits for', () => {
  it('gets its machine as soon as there is one, and is tried seldom until then', () => {
    const message = 'ComputeJob.idlewild.dev "waits" is invalid: status.waiting.reasons[1]: Duplicate value';
    const isOfWords = (body: unknown): boolean =>
      (body as { readonly status?: { readonly waiting?: unknown } }).status?.waiting instanceof Object;
    const fate = ({ path, body }: { path: string; body?: unknown }): Fate =>
      path.endsWith('/computejobs/waits/status') && isOfWords(body) ? { status: 422, message } : undefined;
    return at({ machines: ['pc-1'], fate }, async (witness) => {
      witness.submit('first', whole);
      await witness.runs('first');
      witness.submit('waits', whole);
      await witness.advance(60 * minuteMs);
      expect(witness.job('waits')?.status).toBeUndefined();
      const tries = witness.statusWrites('waits').length;
      expect(tries).toBeGreaterThan(1);
      expect(tries).toBeLessThan(25);
      expect(witness.events('waits')).toEqual([{ reason: 'Refused', note: expect.stringContaining(message) }]);
      // The longest pause has just begun.
      await witness.until('it is tried again', () => witness.statusWrites('waits').length > tries);
      witness.pool.deleteJob('first');
      await witness.until('it has the machine', () => witness.on('waits') === 'pc-1', minuteMs);
    });
  });
});

describe('a Secret that five hundred jobs miss', () => {
  const files = [{ path: '/etc/token', secretKeyRef: { name: 'vault', key: 'token' }, mode: '0600' }];
  const asks = (witness: Witness): number => witness.asked.filter(({ path }) => path.endsWith('/secrets/vault')).length;

  it(
    'is asked for a few times in a second, holds up nobody else, and is found for all soon after it comes',
    () =>
      at({ machines: ['pc-1', 'pc-2'] }, async (witness) => {
        for (let n = 0; n < 500; n++) witness.submit(`missing-${n}`, { files });
        witness.submit('other', whole);
        await witness.runs('other');
        expect(witness.nowMs).toBeLessThan(10_000);
        await witness.until('all were told', () =>
          witness.jobs().every(({ metadata: { name }, status }) => name === 'other' || status?.waiting !== undefined),
        );
        expect(witness.job('missing-7')?.status).toMatchObject({
          reason: 'SecretMissing',
          message: expect.stringContaining('"vault"'),
        });
        await witness.advance(2 * minuteMs);
        const [before, written] = [asks(witness), witness.statusWrites().length];
        await witness.advance(3 * minuteMs);
        expect((asks(witness) - before) / 180).toBeLessThanOrEqual(5.1);
        // Nothing is said again that was said.
        expect(witness.statusWrites().length).toBe(written);
        witness.pool.api.create(secrets, { metadata: { namespace, name: 'vault' }, data: { token: 'eA==' } } as never);
        await witness.until(
          'no job says that it misses it',
          () => witness.jobs().every(({ status }) => status?.reason !== 'SecretMissing'),
          3 * minuteMs,
        );
      }),
    120_000,
  );
});
