// What a job costs the API server over its life: the operator's writes about it, counted one by one.
import { describe, expect, it } from '@jest/globals';
import { play } from './play.ts';
import type { Scenario } from './scenario.ts';

const budget = 7;
const image = (name: string) => ({ image: { containerDisk: `sim/${name}` } });
const whole = { resources: { cores: 2, memory: '128Mi', gpus: 0 } };

/** The operator's writes that name the job or something that was made for it; events apart, and what the cluster writes. */
function writesAbout(job: string, lines: readonly string[]): string[] {
  return lines.filter((line) => {
    const [, who, , type = '', key = ''] = line.split(' ');
    return who === 'operator' && !type.startsWith('events') && new RegExp(`^[^/]+/${job}(-1|-1-cloudinit)?$`).test(key);
  });
}

const scenario: Scenario = {
  name: 'two jobs for one machine',
  rooms: { 'pc-1': 'lab-a' },
  jobs: { first: { ...image('exit-0-after-5000'), ...whole }, second: { ...image('exit-0-after-5000'), ...whole } },
  ends: { first: { phase: 'Succeeded', attempt: 1 }, second: { phase: 'Succeeded', attempt: 1 } },
};

describe('a job without interruptions', () => {
  it(`costs at most ${budget} writes when it has to wait, and fewer when it need not`, async () => {
    const lines = (await play(scenario)).trace.lines();
    const [first, second] = [writesAbout('first', lines), writesAbout('second', lines)];
    expect(second.length).toBeLessThanOrEqual(budget);
    expect(first.length).toBeLessThan(budget);
    // So that it cannot pass by finding nothing: the Secret, the virtual machine, its release, and three of the status.
    expect(first.length).toBeGreaterThanOrEqual(6);
  }, 60_000);
});
