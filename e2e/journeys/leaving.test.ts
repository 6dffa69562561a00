// Guests whose machine has to be left: for an owner who goes again, for a shutdown, and for good by an admin's word.
import { readFileSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { LogindMock } from '@idlewild/agent/sensors/logind-mock.ts';
import { isTrue } from '@idlewild/operator/api/conditions.ts';
import type { Lease } from '@idlewild/operator/api/kubernetes.ts';
import {
  isMigrationOver,
  type VirtualMachineInstance,
  type VirtualMachineInstanceMigration,
} from '@idlewild/operator/api/kubevirt.ts';
import * as resources from '@idlewild/operator/api/resources.ts';
import { isNotFound } from '@idlewild/operator/kube/errors.ts';
import { labels, machineLeaseNamespace } from '@idlewild/operator/model/names.ts';
import { layoutOf, machineLayoutOf } from '@idlewild/lab/daemon/layout.ts';
import {
  emulators,
  inPhase,
  output,
  seldom,
  startLab,
  submit,
  until,
  untilJob,
  type LabCluster,
} from '../src/cluster.ts';

let lab: LabCluster;
let bus: LogindMock | undefined;
beforeAll(async () => {
  lab = await startLab({ machines: 5, operatorFlags: ['--freeze-for=2s'] });
}, 300_000);
afterAll(async () => {
  await bus?.close();
  await lab.stop();
}, 60_000);

/** pc-4 and pc-5 have owners. */
const desktops = { placement: { rooms: ['lab-b'], dedicatedOnly: false } };
/** Counts on its console, once a second. */
const counting = 'i=0; while [ $i -lt 900 ]; do i=$((i+1)); echo "step $i"; sleep 1; done';
const slow = { timeoutMs: 180_000 };

const other = (machine: string): string => (machine === 'pc-4' ? 'pc-5' : 'pc-4');

async function stepsOf(name: string): Promise<number[]> {
  return [...(await output(lab, name)).matchAll(/step (\d+)/g)].map(([, step]) => Number(step));
}

async function untilItCounts(name: string): Promise<void> {
  const before = (await stepsOf(name)).at(-1) ?? 0;
  await until(`${name} counts`, async () => ((await stepsOf(name)).at(-1) ?? 0) > before + 1, seldom);
}

/** Runs the job and tells where. */
async function run(name: string, spec: Parameters<typeof submit>[2] = {}): Promise<string> {
  await submit(lab, name, { script: counting, ...desktops, ...spec });
  const { status } = await untilJob(lab, name, 'runs', inPhase('Running'), slow);
  await untilItCounts(name);
  return status?.node ?? '';
}

async function owner(machine: string, verb: string): Promise<void> {
  const said = await lab.lab('owner', machine, verb);
  if (said.code !== 0) throw new Error(said.stderr);
}

async function isPaused(guest: string): Promise<boolean> {
  const ref = { namespace: 'default', name: guest };
  const vmi = await lab.client.get<VirtualMachineInstance>(resources.virtualMachineInstances, ref);
  return isTrue(vmi.status?.conditions, 'Paused');
}

async function migrationsOf(guest: string): Promise<VirtualMachineInstanceMigration[]> {
  const { items } = await lab.client.list<VirtualMachineInstanceMigration>(resources.virtualMachineInstanceMigrations);
  return items.filter(({ spec }) => spec.vmiName === guest);
}

/** Pods that guests are to move to may not be made: the API server refuses them, and whoever wants to make them tries again. */
const noTargets = (() => {
  const metadata = { name: 'no-targets' };
  const of = { apiGroups: [''], apiVersions: ['v1'], resources: ['pods'], operations: ['CREATE'] };
  const expression = "!has(object.metadata.labels) || !('kubevirt.io/migrationJobUID' in object.metadata.labels)";
  const api = { apiVersion: 'admissionregistration.k8s.io/v1', metadata };
  return [
    {
      ...{ ...api, kind: 'ValidatingAdmissionPolicy' },
      spec: { failurePolicy: 'Fail', matchConstraints: { resourceRules: [of] }, validations: [{ expression }] },
    },
    {
      ...{ ...api, kind: 'ValidatingAdmissionPolicyBinding' },
      spec: { policyName: metadata.name, validationActions: ['Deny'] },
    },
  ];
})();

async function asAdmin(verb: 'apply' | 'delete', objects: readonly object[]): Promise<void> {
  const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  const said = await lab.kubectl([verb, '-f', '-'], list);
  if (said.code !== 0) throw new Error(said.stderr);
}

afterEach(async () => {
  for (const machine of ['pc-4', 'pc-5']) await owner(machine, 'leave');
  await lab.kubectl(['delete', 'computejobs', '--all', '--timeout=60s']);
}, 120_000);

describe('a guest that is about to be moved', () => {
  it('is called back when the owner leaves before its memory is copied, and goes on in place', async () => {
    const home = await run('stayer');
    // Its target is never made, so nothing is copied.
    await asAdmin('apply', noTargets);
    await owner(home, 'arrive');
    await until('a move is asked for', async () => (await migrationsOf('stayer-1')).length > 0);
    expect(await isPaused('stayer-1')).toBe(true);
    await owner(home, 'leave');
    await until('it is called off', async () => (await migrationsOf('stayer-1')).every(isMigrationOver));
    await until('the guest goes on', async () => !(await isPaused('stayer-1')));
    await asAdmin('delete', noTargets);
    await untilItCounts('stayer');
    const { status } = await untilJob(lab, 'stayer', 'is told', (found) => !found.status?.ladder);
    expect(status).toMatchObject({ phase: 'Running', attempt: 1, node: home });
    expect(status?.interruptions?.map(({ reason }) => reason)).toEqual(['Frozen', 'CalledOff', 'Resumed']);
    const steps = await stepsOf('stayer');
    expect(steps).toEqual(steps.map((_, index) => index + 1));
  }, 400_000);
});

describe('a machine that shuts down in order', () => {
  it('waits until its guests have moved, or been shut down where nothing takes them, and no longer than granted', async () => {
    const mover = await run('mover');
    const host = machineLayoutOf(layoutOf(lab.dir), mover).host;
    const placement = { nodeSelector: { 'kubernetes.io/hostname': mover }, dedicatedOnly: false };
    const checkpoint = { script: 'echo "saved by the guest"', within: '10s' };
    await run('stuck', { placement, interruption: { checkpoint } });
    bus = await LogindMock.start(`${host}/run/dbus/system_bus_socket`);
    const mock = bus;
    await mock.setManager({ InhibitDelayMaxUSec: ['t', 40_000_000] });
    const isHeld = async () => (await mock.inhibitors()).includes('shutdown:sleep');
    await until('a shutdown would wait for the guests', isHeld, seldom);

    await mock.emit('PrepareForShutdown', 'b', [['b', true]]);
    const announced = performance.now();
    await until('the shutdown goes on', async () => !(await isHeld()));
    // The system grants 40 s, of which the agent takes 25 at most.
    expect(performance.now() - announced).toBeLessThan(40_000);
    await until('no guest is left on it', async () => (await emulators(lab)).get(mover)?.length === 0, seldom);

    const moved = await untilJob(lab, 'mover', 'has moved', ({ status }) => status?.node === other(mover));
    expect(moved.status).toMatchObject({ phase: 'Running', attempt: 1 });
    const parked = await untilJob(
      lab,
      'stuck',
      'is parked',
      ({ status }) => status?.attempts?.[0]?.ended !== undefined,
    );
    expect(parked.status?.attempts?.[0]).toMatchObject({ reason: 'Parked' });
    const told = parked.status?.interruptions?.find(({ reason }) => reason === 'Parking');
    expect(told).toMatchObject({ node: mover });
    await untilItCounts('mover');

    await mock.emit('PrepareForShutdown', 'b', [['b', false]]);
    await untilJob(
      lab,
      'stuck',
      'runs again',
      ({ status }) => status?.attempt === 2 && status.phase === 'Running',
      slow,
    );
    await mock.close();
    bus = undefined;
  }, 400_000);
});

describe('a machine that an admin revokes', () => {
  it('is left by its guests alive, may write nothing from then on, and may not join anew', async () => {
    const revoked = await run('guest');
    const token = readFileSync(`${machineLayoutOf(layoutOf(lab.dir), revoked).dir}/agent.token`, 'utf8').trim();
    const asAgent = (...args: string[]) => lab.kubectl(['--token', token, ...args]);
    const writes = () =>
      asAgent('annotate', '--overwrite', 'node', revoked, `idlewild.dev/offer={"at":"${performance.now()}"}`);
    await lab.kubectl(['label', '--overwrite', 'node', revoked, `${labels.approved}=revoked`]);
    const refused = await until('its agent may write nothing', async () => {
      const { code, stderr } = await writes();
      return code !== 0 && stderr;
    });
    expect(refused).toMatch(/revoked/);

    const moved = await untilJob(lab, 'guest', 'has moved', ({ status }) => status?.node === other(revoked), slow);
    expect(moved.status).toMatchObject({ phase: 'Running', attempt: 1 });
    const told = await untilJob(lab, 'guest', 'is told why', ({ status }) => status?.interruptions?.length === 1);
    expect(told.status?.interruptions).toMatchObject([{ reason: 'Revoked', node: revoked, toNode: other(revoked) }]);
    await untilItCounts('guest');
    const steps = await stepsOf('guest');
    expect(steps).toEqual(steps.map((_, index) => index + 1));

    const ref = { namespace: machineLeaseNamespace, name: revoked };
    await until('its lease is ended', () =>
      lab.client.get<Lease>(resources.leases, ref).then(
        () => false,
        (error: unknown) => isNotFound(error),
      ),
    );
    const spec = { holderIdentity: `${revoked}_0123456789abcdef`, leaseDurationSeconds: 10 };
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: ref, spec };
    const joined = await lab.kubectl(['--token', token, 'create', '-f', '-'], JSON.stringify(lease));
    expect(joined.code).not.toBe(0);
    expect(joined.stderr).toMatch(/Forbidden/);
  }, 400_000);
});
