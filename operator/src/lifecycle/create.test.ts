// What a guest is made of comes from the job itself, not from what is kept of it.
import { expect, it } from '@jest/globals';
import { aJob } from '../../../test/builders/job.ts';
import type { ComputeJob } from '../api/compute-job.ts';
import type { Secret } from '../api/kubernetes.ts';
import { KubeClient } from '../kube/client.ts';
import { KubeError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import { lastAttempt } from '../model/job.ts';
import { trimmedJob } from '../world/trim.ts';
import { createAttempt } from './create.ts';

const checkpoint = { script: 'save me', within: '1m' };
const files = [{ path: '/etc/motd', content: 'welcome', mode: '0644' }];
const script = `echo work${' '.repeat(10_000)}`;
const { job } = aJob('j', { script, files, interruption: { checkpoint } }).published().claimedBy('pc-1');
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** @param stored what the API server has of that name. */
async function create(stored: ComputeJob) {
  const made: unknown[] = [];
  const transport = {
    server: 'http://nowhere',
    request: ({ method, path, body }) => {
      if (method === 'POST') made.push(body);
      if (method === 'POST') return Promise.resolve({ status: 201, headers: {}, body });
      if (path.endsWith('/computejobs/j')) return Promise.resolve({ status: 200, headers: {}, body: stored });
      return Promise.reject(new KubeError(`${method} ${path}`, { kind: 'notFound', status: 404 }));
    },
    stream: () => Promise.reject(new Error('nobody reads streams')),
    close: () => Promise.resolve(),
  } satisfies Transport;
  const world = { pool: () => ({ cpuModels: new Map() }), gpuResource: 'nvidia.com/gpu' };
  const deps = { client: new KubeClient(transport), world, newId: () => 'ab'.repeat(8) } as never;
  const known = trimmedJob(job);
  const attempt = lastAttempt(known);
  if (!attempt) throw new Error('the job has no attempt');
  return { answer: await createAttempt(deps, known, attempt), made };
}

it('the guest gets the script, the files and the checkpoint of its job whole', async () => {
  const { answer, made } = await create(job);
  expect(answer.kind).toBe('created');
  const secret = made[0] as Secret;
  const userData = Buffer.from(secret.data?.['userdata'] ?? '', 'base64').toString();
  for (const text of [script, 'welcome', 'save me']) expect(userData).toContain(base64(text).slice(0, 60));
});

it('a job that took the name of the one that was claimed gets nothing made', async () => {
  const other = { ...job, metadata: { ...job.metadata, uid: 'another' } };
  await expect(create(other)).rejects.toMatchObject({ kind: 'notFound' });
});
