import { describe, expect, it } from '@jest/globals';
import { aJob } from '../../../test/builders/job.ts';
import * as status from '../model/status.ts';
import { consoleUrlOf } from './console-url.ts';

describe('the link to a console', () => {
  it('leads to the page of the job, and is there only where there is a portal and a console', () => {
    const portal = 'https://portal.example.org';
    expect(consoleUrlOf(aJob('desk', { console: 'VNC' }).job, portal)).toBe(
      'https://portal.example.org/jobs/default/desk/console',
    );
    expect(consoleUrlOf(aJob('desk').job, undefined)).toBeUndefined();
    expect(consoleUrlOf(aJob('desk', { console: 'None' }).job, portal)).toBeUndefined();
  });

  it('is told with the start, and stays', () => {
    const { job } = aJob('desk').published().claimedBy('pc-1').created();
    const started = {
      ...job,
      status: status.started(job, { at: job.metadata.creationTimestamp ?? '', consoleUrl: 'https://p/c' }),
    };
    expect(started.status.console).toEqual({ url: 'https://p/c' });
    expect(status.moved(started, 'pc-2').console).toEqual({ url: 'https://p/c' });
  });
});
