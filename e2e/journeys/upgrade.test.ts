// An upgrade and the way back while guests run: definitions first, then replicas of another version, as helm and a Deployment do it.
// No guest notices, and a job that was stored before a field was known is read as if it had always had it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import * as resources from '@idlewild/operator/api/resources.ts';
import type { VirtualMachine, VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import { inPhase, job, manifest, output, startLab, submit, until, untilJob, type LabCluster } from '../src/cluster.ts';
import { Replica, type HistoryLine } from '../src/replica.ts';

type Schema = Record<string, unknown> & { properties: Record<string, unknown> };
interface Definition {
  readonly spec: {
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** Guests are emulated, and a machine that has much else to do boots them slowly. */
const bound = { timeoutMs: 240_000 };
const older = '0.0.9';
const newer = '0.2.0';
/** Fields with a default that an older definition does not know. */
const unknownBefore = ['network', 'startDeadline', 'interruption'];

const read = (): Definition =>
  parse(readFileSync(join(import.meta.dirname, '../../crds/idlewild.dev_computejobs.yaml'), 'utf8')) as Definition;
const specOf = (definition: Definition): Schema & { 'x-kubernetes-validations': { rule: string }[] } =>
  definition.spec.versions[0]?.schema.openAPIV3Schema.properties['spec'] as never;

function olderDefinition(): Definition {
  const definition = read();
  const spec = specOf(definition);
  for (const field of unknownBefore) delete spec.properties[field];
  spec['x-kubernetes-validations'] = spec['x-kubernetes-validations'].filter(
    ({ rule }) => !unknownBefore.some((field) => rule.includes(`self.${field}`)),
  );
  return definition;
}

function newerDefinition(): Definition {
  const definition = read();
  specOf(definition).properties['colour'] = { type: 'string', default: 'green' };
  return definition;
}

/** Says each second that it lives, and in which boot. */
const ticking = (seconds: number): string =>
  `n=0\nwhile [ $n -lt ${seconds} ]; do\n  n=$((n+1))\n  echo "tick $n boot $(cat /proc/sys/kernel/random/boot_id)"\n  sleep 1\ndone\n`;

let lab: LabCluster;
let token: string;
const replicas: Replica[] = [];
beforeAll(async () => {
  lab = await startLab({ machines: 2, operator: false });
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

async function ticks(name: string): Promise<{ readonly numbers: number[]; readonly boots: Set<string> }> {
  const found = [...(await output(lab, name)).matchAll(/tick (\d+) boot ([-0-9a-f]{36})/g)];
  return { numbers: found.map(([, n]) => Number(n)), boots: new Set(found.map(([, , boot = '']) => boot)) };
}

/** All that would be another if the guest had been touched. */
async function standing(name: string): Promise<object> {
  const { status } = await job(lab, name);
  const [attempt] = status?.attempts?.slice(-1) ?? [];
  const ref = { namespace: 'default', name: attempt?.virtualMachine ?? '' };
  const machine = await lab.client.get<VirtualMachine>(resources.virtualMachines, ref);
  const guest = await lab.client.get<VirtualMachineInstance>(resources.virtualMachineInstances, ref);
  const { boots } = await ticks(name);
  return {
    machine: machine.metadata.uid,
    guest: guest.metadata.uid,
    node: guest.status?.nodeName,
    boots: [...boots],
    attempts: status?.attempts?.map(({ number, started, reboots, reason }) => ({ number, started, reboots, reason })),
    interruptions: status?.interruptions,
  };
}

const reasons = (lines: readonly HistoryLine[]): string[] => lines.map(({ reason }) => reason);

describe('an upgrade', () => {
  it('reads a job that was stored before its fields were known, with what they are unless told', async () => {
    await define(olderDefinition(), 'network', false);
    await submit(lab, 'stored', { script: 'true' });
    expect(Object.keys((await job(lab, 'stored')).spec)).not.toEqual(expect.arrayContaining(unknownBefore));
    await define(read(), 'network');
    expect(await job(lab, 'stored')).toMatchObject({
      spec: { network: 'Isolated', startDeadline: '5m', interruption: { exclusive: true } },
    });
    const first = await replica(older);
    expect(await first.told()).toMatchObject({ version: older });
    const done = await untilJob(lab, 'stored', 'ends', inPhase('Succeeded', 'Failed'), bound);
    expect(done.status).toMatchObject({ phase: 'Succeeded', exitCode: 0 });
  }, 600_000);

  it('and the way back leave guests as they are, and the ledger without a gap', async () => {
    const [first] = replicas;
    // A guest of which two may run outlives an API server that is slow to answer: what ends it here is the upgrade or nothing.
    const interruption = { exclusive: false };
    await submit(lab, 'long', { script: ticking(900), interruption });
    await submit(lab, 'short', { script: ticking(45), interruption });
    for (const name of ['long', 'short'])
      await until(
        `${name} lives`,
        async () =>
          (await ticks(name)).numbers.length > 0 && (await job(lab, name)).status?.attempts?.[0]?.started !== undefined,
        bound,
      );
    const before = { long: await standing('long'), short: await standing('short') };
    const told = await first!.history('long', token);
    expect(reasons(told)).toEqual(expect.arrayContaining(['Published', 'Claimed', 'Started']));

    await define(newerDefinition(), 'colour');
    const second = await replica(newer);
    expect(await second.told()).toEqual({ version: newer, leads: false });
    expect(await first!.stop()).toBe(0);
    await leads(second);
    expect({ long: await standing('long'), short: await standing('short') }).toEqual(before);
    expect(await second.history('long', token)).toEqual(told);
    await submit(lab, 'late', { script: 'true', colour: 'red' } as never);
    await untilJob(lab, 'late', 'ends under the newer one', inPhase('Succeeded'), bound);

    await define(read(), 'colour', false);
    const third = await replica(older);
    expect(await second.stop()).toBe(0);
    await leads(third);
    expect(await standing('long')).toEqual(before.long);
    const ended = await untilJob(lab, 'short', 'ends under the older one', inPhase('Succeeded', 'Failed'), bound);
    expect(ended.status).toMatchObject({ phase: 'Succeeded', attempt: 1, exitCode: 0 });
    expect(ended.status?.interruptions).toBeUndefined();
    // No tick is missing, and none was said twice.
    expect((await ticks('short')).numbers).toEqual(Array.from({ length: 45 }, (_, index) => index + 1));
    const { numbers } = await ticks('long');
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    const lines = await until('the end is in the history', async () => {
      const found = await third.history('short', token);
      return reasons(found).includes('Finished') && found;
    });
    expect(reasons(lines).filter((reason) => ['Published', 'Claimed', 'Started', 'Finished'].includes(reason))).toEqual(
      ['Published', 'Claimed', 'Started', 'Finished'],
    );
    expect(new Set(lines.map(({ job: { uid } }) => uid)).size).toBe(1);
    expect(await third.history('long', token)).toEqual(told);
  }, 900_000);
});
