// Whatever the cluster says and however often a job fails, its status stays small and its labels stay labels.
import { describe, expect, it } from '@jest/globals';
import { aJob, at, type JobBuilder } from '../../../test/builders/job.ts';
import { brief } from './brief.ts';
import { attemptLabels, secretName, vmName } from './names.ts';
import * as status from './status.ts';

const longestEtcdObject = 100_000;
const hostile = [
  '\u0000'.repeat(1_000_000),
  '🖥'.repeat(500_000),
  '"\\'.repeat(500_000),
  'a line\n'.repeat(200_000),
  `${'x'.repeat(298)}🖥🖥`,
];

describe('a text from outside', () => {
  it.each(hostile.map((text) => [JSON.stringify(text.slice(0, 12)), text]))(
    '%s… becomes one short line',
    (_name, text) => {
      const line = brief(text, 300);
      expect(line.length).toBeLessThanOrEqual(300);
      expect(line).not.toMatch(/[\p{C}\n]/u);
      expect(Buffer.from(line, 'utf8').toString('utf8')).toBe(line);
    },
  );

  it('that is short is what it was; that was cut says so', () => {
    expect(brief('no such image', 300)).toBe('no such image');
    expect(brief('abcdef', 4)).toBe('abc…');
  });
});

/** A job that failed `times` times, each time with all that can be written about an attempt. */
function failed(times: number, message: string): JobBuilder {
  let job = aJob('j'.repeat(43), { retries: { limit: 100 } }).published();
  for (let n = 1; n <= times; n++) {
    const o = { message, at: at(n) };
    job = job.claimedBy('n'.repeat(253), { at: n, runnersUp: ['a', 'b', 'c'].map((end) => 'n'.repeat(252) + end) });
    job = job
      .with(status.noted(job.job, { reason: 'Refused', message }))
      .created(n)
      .started(n);
    job = job.with(status.paused(job.job, o));
    job = job.with(status.migratable(job.job, { ...o, yes: false, reason: 'Refused' }));
    job = job.with(status.recorded(job.job, { at: at(n), reason: 'MigrationFailed', node: 'n'.repeat(253), message }));
    const end = {
      ...o,
      reason: 'GuestCrashed',
      failure: true,
      cause: 'GuestPaused',
      exitCode: 255,
      secondsLost: 1,
    } as const;
    job = job.with(status.attemptEnded(job.job, end));
  }
  return job;
}

describe('the status of a job that fails a hundred times', () => {
  it.each(hostile.map((text) => [JSON.stringify(text.slice(0, 12)), text]))(
    'with %s… stays small',
    (_name, message) => {
      const { job } = failed(100, message);
      expect(Buffer.byteLength(JSON.stringify(job))).toBeLessThan(longestEtcdObject);
      expect(job.status?.attempts).toHaveLength(20);
      expect(job.status).toMatchObject({ attempt: 100, failures: 100 });
      expect(job.status?.attempts?.at(-1)?.number).toBe(100);
    },
  );

  it('is charged for all of its attempts, also for those that the record has dropped', () => {
    let job = aJob('j').published();
    for (let n = 0; n < 50; n++)
      job = job.claimedBy('pc-1', { at: n * 100 }).ended('ScriptFailed', { at: n * 100 + 10 });
    expect(job.job.status?.usage?.coreSeconds).toBeCloseTo(500, 3);
  });
});

describe('the names of what is made for a job', () => {
  it.each(['a', '0', 'j'.repeat(43), `a${'-'.repeat(41)}b`])('"%s" are valid, and so are their labels', (name) => {
    const label = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
    const dnsLabel = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
    for (const attempt of [1, 99, 999_999]) {
      // A migration is refused when the name of its instance is no label value.
      expect(vmName(name, attempt)).toMatch(dnsLabel);
      expect(vmName(name, attempt).length).toBeLessThanOrEqual(50);
      expect(secretName(name, attempt)).toMatch(dnsLabel);
      for (const value of Object.values(attemptLabels(name, attempt))) {
        expect(value).toMatch(label);
        expect(value.length).toBeLessThanOrEqual(63);
      }
    }
  });
});
