// Evictions: what a disruption budget holds, and what it does not.
import { describe, expect, it } from '@jest/globals';
import { expectRefusal, missing } from './refusals.ts';
import { testSubject, type Space } from './subject.ts';
import { pod } from './thing.ts';

const subject = testSubject({ defines: false });

/** A pod that no machine runs, said to be running and ready. */
async function runs(space: Space, name: string): Promise<void> {
  await subject.made(subject.post(space.pods, pod(name, { terminationGracePeriodSeconds: 0 }, { app: 'held' })));
  const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
  await subject.made(subject.patch('strategic-merge', `${space.pods}/${name}/status`, { status }));
}

/** A budget with the status that its controller would give it, which may not run here. */
async function budget(space: Space, name: string, healthy: number): Promise<void> {
  const budgets = `/apis/policy/v1/namespaces/${space.name}/poddisruptionbudgets`;
  const spec = { minAvailable: 1, selector: { matchLabels: { app: 'held' } } };
  await subject.made(subject.post(budgets, { metadata: { name }, spec }));
  const status = {
    observedGeneration: 1,
    currentHealthy: healthy,
    desiredHealthy: 1,
    expectedPods: healthy,
    disruptionsAllowed: healthy - 1,
  };
  await subject.made(subject.patch('merge', `${budgets}/${name}/status`, { status }));
}

function evict(space: Space, name: string, more: Record<string, unknown> = {}) {
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace: space.name }, ...more };
  return subject.post(`${space.pods}/${name}/eviction`, body);
}

describe('an eviction', () => {
  it('takes a pod that nothing protects', async () => {
    const space = await subject.space();
    await runs(space, 'p');
    const { status, body } = await evict(space, 'p');
    expect([status, body]).toMatchObject([201, { kind: 'Status', status: 'Success', code: 201 }]);
    expectRefusal(await subject.get(`${space.pods}/p`), missing);
  });

  it('is told to wait while a budget has nothing to give', async () => {
    const space = await subject.space();
    await runs(space, 'p');
    await budget(space, 'least', 1);
    const told = await subject.eventually(
      () => evict(space, 'p'),
      ({ text }) => !text.includes('still being processed') && !text.includes('has 0 currently'),
    );
    expectRefusal(told, {
      code: 429,
      reason: 'TooManyRequests',
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      causes: [
        {
          reason: 'DisruptionBudget',
          message: 'The disruption budget least needs 1 healthy pods and has 1 currently',
        } as object,
      ],
    });
    expect((await subject.get(`${space.pods}/p`)).status).toBe(200);
  });

  it('takes what a budget can give, and no more', async () => {
    const space = await subject.space();
    await runs(space, 'p');
    await runs(space, 'q');
    await budget(space, 'least', 2);
    // A controller that runs here may have counted before it heard of both pods.
    const first = await subject.eventually(
      () => evict(space, 'p'),
      ({ status }) => status === 201,
    );
    expect(first.status).toBe(201);
    expectRefusal(await evict(space, 'q'), {
      code: 429,
      reason: 'TooManyRequests',
      message: 'Cannot evict pod as it would violate',
    });
  });

  it('does not wait for a pod that has not begun', async () => {
    const space = await subject.space();
    await subject.made(subject.post(space.pods, pod('p', {}, { app: 'held' })));
    await budget(space, 'least', 1);
    expect((await evict(space, 'p')).status).toBe(201);
    expectRefusal(await subject.get(`${space.pods}/p`), missing);
  });

  it('is refused under two budgets', async () => {
    const space = await subject.space();
    await runs(space, 'p');
    await budget(space, 'one', 1);
    await budget(space, 'two', 1);
    // Kubernetes tells it in the body of an answer that it calls a success.
    const { status, body } = await evict(space, 'p');
    expect([201, 500]).toContain(status);
    expect(body).toMatchObject({
      kind: 'Status',
      status: 'Failure',
      code: 500,
      message: 'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    });
    expect((await subject.get(`${space.pods}/p`)).status).toBe(200);
  });

  it('can be tried, and can depend on the pod', async () => {
    const space = await subject.space();
    await runs(space, 'p');
    expect((await evict(space, 'p', { deleteOptions: { dryRun: ['All'] } })).status).toBe(201);
    expect((await subject.get(`${space.pods}/p`)).status).toBe(200);
    const uid = '00000000-0000-0000-0000-000000000000';
    expectRefusal(await evict(space, 'p', { deleteOptions: { preconditions: { uid } } }), {
      code: 409,
      reason: 'Conflict',
      message: 'precondition',
    });
    expectRefusal(await evict(space, 'nope'), { code: 404, reason: 'NotFound', message: 'pods "nope" not found' });
  });
});
