// A client without logic that claims each job as soon as its watch tells of it, with the claim that a file holds for it.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { computeJobs } from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { transportFromKubeConfig } from '@idlewild/operator/kube/credentials.ts';
import { jobOf, type RecordedWrite } from '../core/requests.ts';

const { values } = parseArgs({ options: { kubeconfig: { type: 'string' }, file: { type: 'string', default: '' } } });

const claims = new Map<string, object>();
for (const line of readFileSync(values.file, 'utf8').split('\n')) {
  if (line === '') continue;
  const write = JSON.parse(line) as RecordedWrite;
  const { metadata: _version, ...body } = JSON.parse(write.body ?? '{}') as { metadata?: object };
  claims.set(jobOf(write) ?? '', body);
}
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
const client = new KubeClient(await transportFromKubeConfig(values.kubeconfig));
const { metadata } = await client.list<ComputeJob>(computeJobs, { limit: 1 });
const watching = client.watch<ComputeJob>(computeJobs, {
  resourceVersion: metadata.resourceVersion,
  timeoutSeconds: 3_600,
  signal: stop.signal,
  onEvent: ({ type, object }) => {
    const claim = type === 'ADDED' ? claims.get(object.metadata.name) : undefined;
    if (claim === undefined) return;
    const { name, namespace } = object.metadata;
    void client.mergePatch(computeJobs, { name, namespace }, claim, { subresource: 'status' });
  },
});
process.send?.({ ready: true });
await watching.catch((error: unknown) => {
  if (!stop.signal.aborted) throw error;
});
await client.raw.close();
process.disconnect?.();
