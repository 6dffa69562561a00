// What a guest has printed lately, over the portal's API, asked by users with real rights.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { aJob } from '../../../test/builders/job.ts';
import { startRig, type Rig, type RigUser } from '../../../test/portal/rig.ts';
import { KubeError } from '../kube/errors.ts';
import type { ConsoleLog } from './console-schemas.ts';

let rig: Rig;

async function launcher(name: string, job: string, attempt: number, namespace = 'team-a'): Promise<void> {
  const pods = `/api/v1/namespaces/${namespace}/pods`;
  const labels = { 'idlewild.dev/job': job, 'idlewild.dev/attempt': String(attempt) };
  const { status, text } = await rig.api.post(pods, {
    metadata: { name, labels },
    spec: { containers: [{ name: 'compute', image: 'lab/launcher' }] },
  });
  if (status !== 201) throw new Error(text);
}

beforeAll(async () => {
  const printed = {
    'desk-1': 'of the attempt before\n',
    'desk-2': 'boots\n',
    'desk-2-moved': 'goes on\n',
    'fled-pc-1': new KubeError('dial tcp 10.0.0.1:10250: no route to host', { kind: 'server', status: 500 }),
    'fled-pc-2': 'goes on\n',
    'noisy-1': `${'x'.repeat(200 * 1024)}\nlast\n`,
  };
  rig = await startRig({ printed });
  await rig.api.post('/api/v1/namespaces/team-a/serviceaccounts', { metadata: { name: 'default' } });
  const lost = aJob('desk').published().claimedBy('pc-1').created().started().ended('MachineLost');
  await rig.put(lost.claimedBy('pc-2').created().started().job, 'team-a');
  await rig.put(aJob('fled').published().claimedBy('pc-2').created().started().job, 'team-a');
  await rig.put(aJob('noisy').published().claimedBy('pc-2').created().started().job, 'team-a');
  await rig.put(aJob('waits').published().job, 'team-a');
  await launcher('desk-1', 'desk', 1);
  await launcher('desk-2', 'desk', 2);
  await launcher('fled-pc-1', 'fled', 1);
  await launcher('fled-pc-2', 'fled', 1);
  await launcher('noisy-1', 'noisy', 1);
  // Times of the cluster are in whole seconds, and the order of places is that of their making.
  const { body } = await rig.api.get('/api/v1/namespaces/team-a/pods/desk-2');
  const made = Date.parse((body as unknown as { metadata: { creationTimestamp: string } }).metadata.creationTimestamp);
  while (Date.now() < made + 1_000) await new Promise((resolve) => setTimeout(resolve, 50));
  await launcher('desk-2-moved', 'desk', 2);
}, 60_000);
afterAll(() => rig.stop());

async function ask(as: RigUser, job: string): Promise<{ status: number; body: ConsoleLog }> {
  const response = await fetch(`${rig.portal.url}/api/v1/namespaces/team-a/jobs/${job}/console-log`, {
    headers: { authorization: `Bearer ${rig.tokens[as]}` },
  });
  return { status: response.status, body: (await response.json()) as ConsoleLog };
}

describe('what a guest has printed', () => {
  it('is told of the guest that the job has now, in the order of its places', async () => {
    expect(await ask('ann', 'desk')).toEqual({
      status: 200,
      body: {
        logs: [
          { pod: 'desk-2', text: 'boots\n' },
          { pod: 'desk-2-moved', text: 'goes on\n' },
        ],
        missing: false,
      },
    });
  });

  it('is told as far as it can be read, and that something is missing, when the machine of another place is gone', async () => {
    expect((await ask('ann', 'fled')).body).toEqual({ logs: [{ pod: 'fled-pc-2', text: 'goes on\n' }], missing: true });
  });

  it('is nothing while there is no guest', async () => {
    expect((await ask('ann', 'waits')).body).toEqual({ logs: [], missing: false });
  });

  it('is cut to whole lines that are not too much', async () => {
    expect((await ask('ann', 'noisy')).body.logs).toEqual([{ pod: 'noisy-1', text: 'last\n' }]);
  });

  it('is for those who may read logs of pods there', async () => {
    expect((await ask('viv', 'desk')).status).toBe(200);
    for (const nobody of ['ben', 'nemo'] as const) expect((await ask(nobody, 'desk')).status).toBe(403);
  });
});
