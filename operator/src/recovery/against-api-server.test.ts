// A seal and a renewal against a real API server: exactly one of them is stored, and both sides learn which.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { aMachine } from '../../../test/builders/node.ts';
import type { Lease, Node } from '../api/kubernetes.ts';
import { leases, namespaces, nodes } from '../api/resources.ts';
import { KubeClient } from '../kube/client.ts';
import { FakeClock, systemClock } from '../kube/clock.ts';
import { transportFrom } from '../kube/credentials.ts';
import { isConflict } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import { isLost } from '../model/machine.ts';

import { World } from '../world/world.ts';
import { LeaseObservations } from './observations.ts';
import { Recovery } from './reconcile.ts';
import { usualPatience } from './leases.ts';
import { until } from '../../../test/waiting.ts';

const log = pino({ level: 'silent' });
const namespace = 'idlewild-machines';
const ref = { namespace, name: 'pc-1' };
const context = { log, reconcileId: 'r', signal: new AbortController().signal };

let server: TestServer;
/** As the agent. */
let agent: KubeClient;
const stop = new AbortController();
/** Done once, just before the next seal is sent. */
let beforeSeal: (() => Promise<unknown>) | undefined;
/** Done once, while the next question for the lease waits for its answer. */
let beforeAnswer: (() => Promise<unknown>) | undefined;

beforeAll(async () => {
  server = await TestServer.start();
  agent = new KubeClient(connect());
  await agent.create(namespaces, { metadata: { name: namespace } });
  const { resourceVersion: _none, uid: _own, ...metadata } = aMachine('pc-1').metadata;
  const node = await agent.create<Node>(nodes, { ...aMachine('pc-1'), metadata });
  const ownerReferences = [{ apiVersion: 'v1', kind: 'Node', name: 'pc-1', uid: node.metadata.uid ?? '' }];
  const spec = { holderIdentity: 'pc-1_a', leaseDurationSeconds: 10, leaseTransitions: 0 };
  await agent.create(leases, { metadata: { ...ref, ownerReferences, annotations: { own: 'word' } }, spec } as never);
  await agent.mergePatch(nodes, { name: 'pc-1' }, { status: aMachine('pc-1').status }, { subresource: 'status' });
}, 60_000);

afterAll(async () => {
  stop.abort();
  await agent.raw.close();
  await server.stop();
}, 60_000);

function connect(): Transport {
  return transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' });
}

const leaseNow = () => agent.get<Lease>(leases, ref);
const renewed = (lease: Lease, micros: string): Lease => ({
  ...lease,
  spec: { ...lease.spec, renewTime: `2026-01-01T00:00:00.${micros}Z` },
});

describe('a machine that is silent for the whole time', () => {
  it('is sealed unless its renewal is stored first, and cannot renew once it is sealed', async () => {
    const inner = connect();
    const transport: Transport = {
      ...inner,
      request: async (request) => {
        if (request.method === 'PUT') {
          await beforeSeal?.();
          beforeSeal = undefined;
        }
        if (request.method === 'GET' && request.path.endsWith(`/${namespace}/leases/pc-1`)) {
          await beforeAnswer?.();
          beforeAnswer = undefined;
        }
        return inner.request(request);
      },
    };
    const client = new KubeClient(transport, { clock: systemClock });
    const world = new World({ client, log, clock: systemClock });
    const clock = new FakeClock();
    const heard = new LeaseObservations(clock);
    world.informers.agentLeases.onChange(({ object }) => heard.saw('agent', object.metadata.name, object));
    const running = world.run(stop.signal);
    // Nothing runs on the machine, and most kinds of guests are not even known to this server.
    await Promise.all([world.informers.nodes.synced(), world.informers.agentLeases.synced()]);
    const told: string[] = [];
    const ledger = { machine: (_node: Node, { reason }: { reason: string }) => told.push(reason) };
    const deps = { client, clock, log, registry: new Registry(), world, ledger } as never;
    const recovery = new Recovery(deps, heard, usualPatience);
    const look = () => recovery.reconcile('pc-1', context);
    const isTainted = async () => isLost(await agent.get<Node>(nodes, { name: 'pc-1' }));

    // A server that stood still has heard nobody meanwhile.
    await clock.advance(10_000);
    beforeAnswer = () => clock.advance(15_000);
    await look();
    expect([await isTainted(), told]).toEqual([false, []]);
    await clock.advance(4_000);
    await look();
    expect([await isTainted(), told]).toEqual([false, []]);
    await clock.advance(1_000);
    await look();
    expect([await isTainted(), told]).toEqual([true, ['MachineLost']]);
    await clock.advance(1_000);
    beforeSeal = async () => agent.replace<Lease>(leases, renewed(await leaseNow(), '000001'));
    await look();
    expect((await leaseNow()).spec).toMatchObject({ holderIdentity: 'pc-1_a', leaseTransitions: 0 });
    await look();
    expect([await isTainted(), told]).toEqual([false, ['MachineLost', 'MachineBack']]);

    const lastSeen = await leaseNow();
    const known = () => world.informers.agentLeases.store.get(`${namespace}/pc-1`)?.metadata.resourceVersion;
    await until(() => known() === lastSeen.metadata.resourceVersion, 'the renewal is told');
    await clock.advance(11_000);
    await look();
    const sealed = await leaseNow();
    expect(sealed.spec).toMatchObject({
      holderIdentity: 'lost:pc-1_a',
      leaseTransitions: 1,
      renewTime: lastSeen.spec?.renewTime,
    });
    expect(sealed.metadata).toMatchObject({
      annotations: { own: 'word' },
      ownerReferences: lastSeen.metadata.ownerReferences,
    });
    expect(told.slice(2)).toEqual(['MachineLost', 'MachineSealed']);
    const late = agent.replace<Lease>(leases, renewed(lastSeen, '000002')).catch((error: unknown) => error);
    expect(isConflict((await late) as Error)).toBe(true);

    await agent.replace<Lease>(leases, {
      ...sealed,
      spec: { ...sealed.spec, holderIdentity: 'pc-1_b', leaseTransitions: 2 },
    });
    await until(() => heard.of('pc-1').agent?.sealed === false, 'the new holder is told');
    await look();
    expect([await isTainted(), told.at(-1)]).toEqual([false, 'MachineBack']);
    stop.abort();
    await running;
    await client.raw.close();
  }, 60_000);
});
