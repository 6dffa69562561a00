// An upgrade and the way back while guests run: definitions first, then replicas of another version, as helm and a Deployment do it.
// No virtual machine and no guest is another afterwards, and the history goes on. The guests are light: nobody looks inside of them.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as resources from '@idlewild/operator/api/resources.ts';
import type { VirtualMachine, VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import { job, manifest, startLab, submit, until, untilJob, type LabCluster } from '../src/cluster.ts';
import { Replica, type HistoryLine } from '../src/replica.ts';

type Schema = Record<string, unknown> & { properties: Record<string, unknown> };
interface Definition {
  readonly spec: {
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** A machine that has much else to do takes its time. */
const bound = { timeoutMs: 240_000 };
const older = '0.0.9';
const newer = '0.2.0';
const read = (): Definition =>
  parse(readFileSync(join(import.meta.dirname, '../../crds/idlewild.dev_computejobs.yaml'), 'utf8')) as Definition;
const specOf = (definition: Definition): Schema & { 'x-kubernetes-validations': { rule: string }[] } =>
  definition.spec.versions[0]?.schema.openAPIV3Schema.properties['spec'] as never;

function newerDefinition(): Definition {
  const definition = read();
  specOf(definition).properties['colour'] = { type: 'string', default: 'green' };
  return definition;
}

let lab: LabCluster;
let token: string;
const replicas: Replica[] = [];
beforeAll(async () => {
  lab = await startLab({ machines: 2, operator: false, guests: 'light' });
  token = (await lab.lab('token')).stdout.trim();
}, 300_000);
afterAll(async () => {
  for (const replica of replicas) replica.kill();
  await lab.stop();
}, 60_000);

async function define(definition: Definition, knows: string, known = true): Promise<void> {
  const replaced = await lab.kubectl(['replace', '-f', '-'], JSON.stringify(definition));
  expect(replaced).toMatchObject({ code: 0 });
  // A server takes a moment to serve a definition that it has been given.
  const probe = manifest('probe', { script: 'true', [knows]: undefined });
  await until(`jobs ${known ? 'have' : 'lack'} ${knows}`, async () => {
    const asked = await lab.kubectl(['create', '--dry-run=server', '-o', 'json', '-f', '-'], probe);
    return asked.code === 0 && knows in (JSON.parse(asked.stdout) as { spec: object }).spec === known;
  });
}

async function replica(version: string): Promise<Replica> {
  const started = await Replica.start(lab, version, join(lab.dir, 'shared-history.sqlite'));
  replicas.push(started);
  return started;
}

const leads = (which: Replica): Promise<unknown> =>
  until(`${which.version} leads`, async () => (await which.told()).leads);

/** All that would be another if the guest had been touched. */
async function standing(name: string): Promise<object> {
  const { status } = await job(lab, name);
  const [attempt] = status?.attempts?.slice(-1) ?? [];
  const ref = { namespace: 'default', name: attempt?.virtualMachine ?? '' };
  const machine = await lab.client.get<VirtualMachine>(resources.virtualMachines, ref);
  const guest = await lab.client.get<VirtualMachineInstance>(resources.virtualMachineInstances, ref);
  return {
    machine: machine.metadata.uid,
    guest: guest.metadata.uid,
    node: guest.status?.nodeName,
    attempts: status?.attempts?.map(({ number, started, reboots, reason }) => ({ number, started, reboots, reason })),
    interruptions: status?.interruptions,
  };
}

const reasons = (lines: readonly HistoryLine[]): string[] => lines.map(({ reason }) => reason);

describe('an upgrade of light guests', () => {
  it('and the way back leave guests as they are, and the ledger without a gap', async () => {
    const first = await replica(older);
    await leads(first);
    // A guest of which two may run outlives an API server that is slow to answer: what ends it here is the upgrade or nothing.
    const interruption = { exclusive: false };
    await submit(lab, 'long', { script: 'sleep 900', interruption });
    await submit(lab, 'short', { script: 'sleep 900', interruption });
    for (const name of ['long', 'short'])
      await until(
        `${name} lives`,
        async () => (await job(lab, name)).status?.attempts?.[0]?.started !== undefined,
        bound,
      );
    const before = { long: await standing('long'), short: await standing('short') };
    const told = await first.history('long', token);
    expect(reasons(told)).toEqual(expect.arrayContaining(['Published', 'Claimed', 'Started']));

    await define(newerDefinition(), 'colour');
    const second = await replica(newer);
    expect(await second.told()).toEqual({ version: newer, leads: false });
    expect(await first.stop()).toBe(0);
    await leads(second);
    expect({ long: await standing('long'), short: await standing('short') }).toEqual(before);
    expect(await second.history('long', token)).toEqual(told);
    await submit(lab, 'late', { script: 'true', colour: 'red' } as never);
    await untilJob(
      lab,
      'late',
      'has an attempt under the newer one',
      ({ status }) => (status?.attempts?.length ?? 0) > 0,
      bound,
    );

    await define(read(), 'colour', false);
    const third = await replica(older);
    expect(await second.stop()).toBe(0);
    await leads(third);
    expect(await standing('long')).toEqual(before.long);
    expect(await third.history('long', token)).toEqual(told);
  }, 900_000);
});
