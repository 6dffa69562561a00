// A definition of jobs that is newer than a job in the store: the job is read as if it had always had the fields that are new, and an
// operator of a version of its own, elected as a replica is, brings it to its end.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { inPhase, job, manifest, startLab, submit, until, untilJob, type LabCluster } from '../src/cluster.ts';
import { Replica } from '../src/replica.ts';

type Schema = Record<string, unknown> & { properties: Record<string, unknown> };
interface Definition {
  readonly spec: {
    readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: Schema } }[];
  };
}

/** Guests are emulated, and a machine that has much else to do boots them slowly. */
const bound = { timeoutMs: 240_000 };
const older = '0.0.9';
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

let lab: LabCluster;
const replicas: Replica[] = [];
beforeAll(async () => {
  lab = await startLab({ machines: 2, operator: false });
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
});
