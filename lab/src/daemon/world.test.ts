import { describe, expect, it } from '@jest/globals';
import type { ComputeJobStatus } from '@idlewild/operator/api/compute-job.ts';
import { noteOf } from './world.ts';

const interrupted = (status: 'True' | 'False', message: string): ComputeJobStatus => ({
  message: 'the script runs on pc-5',
  conditions: [{ type: 'Interrupted', status, reason: 'Frozen', message, lastTransitionTime: '2026-01-01T00:00:00Z' }],
});

describe('the note on a job', () => {
  it.each<[string, ComputeJobStatus | undefined, string]>([
    ['is empty for a job that nobody has looked at', undefined, ''],
    ['is the message', { message: 'the script runs on pc-5' }, 'the script runs on pc-5'],
    ['is why the job waits', { message: 'x', waiting: { message: '2nd in line' } }, '2nd in line'],
    ['is what holds the guest up', interrupted('True', 'the guest is frozen'), 'the guest is frozen'],
    ['is the message again when that is over', interrupted('False', 'it goes on'), 'the script runs on pc-5'],
    ['is the exit code at the end', { ...interrupted('True', 'held'), exitCode: 3 }, 'exit code 3'],
  ])('%s', (_what, status, note) => {
    expect(noteOf(status)).toBe(note);
  });
});
