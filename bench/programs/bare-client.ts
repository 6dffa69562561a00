// A client without any logic: carries out the writes that a file holds, over the operator's own transport, as fast as the server
// answers and with at most as many under way as it is told. What the operator could at best do.
// Promises: writes of one job keep their order; versions and uids that another run had are left out, as no run repeats them.

import { readFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { transportFromKubeConfig } from '@idlewild/operator/kube/credentials.ts';
import type { TransportRequest } from '@idlewild/operator/kube/transport.ts';
import type { BareResult } from '../core/bare.ts';
import { jobOf, type RecordedWrite } from '../core/requests.ts';

const { values } = parseArgs({
  options: {
    kubeconfig: { type: 'string' },
    file: { type: 'string', default: '' },
    concurrency: { type: 'string', default: '8' },
  },
});

interface Step {
  readonly write: RecordedWrite;
  readonly request: TransportRequest;
  readonly job: string | undefined;
}

// Stays until it is ended, though the probe would let it go.
process.channel?.ref();
process.once('SIGTERM', () => process.exit(0));
const transport = await transportFromKubeConfig(values.kubeconfig);
// The operator has its connections by the time at which it begins to write; so has this.
await transport.request({ method: 'GET', path: '/api' });
const steps = readFileSync(values.file, 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => stepOf(JSON.parse(line) as RecordedWrite));

process.send?.({ ready: true });
await new Promise<void>((resolve) => process.once('message', () => resolve()));
const times: BareResult['times'][number][] = [];
const before = new Map<string, Promise<void>>();
const rest = steps.values();
await Promise.all(Array.from({ length: Number(values.concurrency) }, work));
process.send?.({ times } satisfies BareResult);
await transport.close();

async function work(): Promise<void> {
  for (const step of rest) {
    const { job } = step;
    if (job === undefined || step.write.kind === 'event') {
      await send(step);
      continue;
    }
    const mine = (before.get(job) ?? Promise.resolve()).then(() => send(step));
    before.set(job, mine);
    await mine;
  }
}

async function send({ write, request }: Step): Promise<void> {
  const sentAt = performance.timeOrigin + performance.now();
  await transport.request(request);
  times.push({ kind: write.kind, sentAt, answeredAt: performance.timeOrigin + performance.now() });
}

function stepOf(write: RecordedWrite): Step {
  const url = new URL(write.path, 'https://server');
  const body = write.body === undefined ? undefined : (JSON.parse(write.body) as Record<string, unknown>);
  if (write.method === 'PATCH') {
    const metadata = body?.['metadata'] as Record<string, unknown> | undefined;
    delete metadata?.['resourceVersion'];
    delete metadata?.['uid'];
  }
  if (write.method === 'DELETE') delete body?.['preconditions'];
  return {
    write,
    job: jobOf(write),
    request: {
      method: write.method as TransportRequest['method'],
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      body,
      ...(write.contentType === undefined ? {} : { headers: { 'content-type': write.contentType } }),
    },
  };
}
