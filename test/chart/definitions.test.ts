// What becomes of the definition of jobs, and of jobs, when the chart is upgraded, rolled back, told to leave the definition alone, and
// uninstalled: by the real helm against the lab's API server.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Cluster } from '@idlewild/lab/apiserver/conformance/cluster.ts';
import { parse, stringify } from 'yaml';
import { chartDir } from './chart.ts';

const system = ['-n', 'idlewild-system'];
const definition = 'computejobs.idlewild.dev';

let cluster: Cluster;
/** The chart as it will be one day: jobs have a colour. */
let newer: string;

async function helm(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.helm(args);
  if (code !== 0) throw new Error(`helm ${args.join(' ')}: ${stderr}`);
  return stdout;
}

interface Definition {
  spec: { versions: { schema: { openAPIV3Schema: { properties: { spec: { properties: object } } } } }[] };
}

beforeAll(async () => {
  cluster = await Cluster.start({ workloads: true });
  newer = cluster.path('newer');
  await cp(chartDir, newer, { recursive: true });
  const file = join(newer, 'definitions/idlewild.dev_computejobs.yaml');
  const crd = parse(await readFile(file, 'utf8')) as Definition;
  const { spec } = crd.spec.versions[0]!.schema.openAPIV3Schema.properties;
  spec.properties = { ...spec.properties, colour: { type: 'string', enum: ['Red', 'Blue'] } };
  await writeFile(file, stringify(crd));
}, 120_000);
afterAll(() => cluster.stop());

const job = (name: string, more: object = {}): object => ({
  apiVersion: 'idlewild.dev/v1alpha1',
  kind: 'ComputeJob',
  metadata: { name, namespace: 'default' },
  spec: { image: { containerDisk: 'example.org/i:1' }, script: 'true', ...more },
});
const colourOf = (name: string): Promise<string> => cluster.ok(['get', 'cjob', name, '-o', 'jsonpath={.spec.colour}']);
const uidOf = (name: string): Promise<string> => cluster.ok(['get', 'cjob', name, '-o', 'jsonpath={.metadata.uid}']);
const knowsColour = async (): Promise<boolean> =>
  (await cluster.ok(['get', 'crd', definition, '-o', 'json'])).includes('"colour"');

describe('the definition of jobs', () => {
  it('that somebody made without helm is taken over when that is asked for', async () => {
    await cluster.ok(['apply', '-f', join(chartDir, '../../crds')]);
    await expect(helm('install', 'idlewild', chartDir, ...system, '--create-namespace')).rejects.toThrow(
      /computejobs\.idlewild\.dev.*ownership/,
    );
    await helm('install', 'idlewild', chartDir, ...system, '--create-namespace', '--take-ownership');
  }, 120_000);

  it('goes forward with an upgrade and back with a rollback, and jobs stay', async () => {
    expect((await cluster.apply([job('old')])).code).toBe(0);
    const uid = await uidOf('old');
    // Who applied it before still owns its fields, until helm is told to take them; once is enough.
    await expect(helm('upgrade', 'idlewild', newer, ...system)).rejects.toThrow(
      /conflict with "kubectl-client-side-apply"/,
    );
    await helm('upgrade', 'idlewild', newer, ...system, '--force-conflicts');
    expect(await knowsColour()).toBe(true);
    expect((await cluster.apply([job('red', { colour: 'Red' })])).code).toBe(0);
    expect(await colourOf('red')).toBe('Red');

    await helm('rollback', 'idlewild', '1', ...system);
    expect(await knowsColour()).toBe(false);
    expect([await uidOf('old'), await colourOf('red')]).toEqual([uid, '']);
  }, 180_000);

  it('stays as it is, and so do jobs, once the chart leaves it to the admin', async () => {
    const uid = await uidOf('old');
    await helm('upgrade', 'idlewild', newer, ...system, '--set', 'crds.install=false');
    expect([await uidOf('old'), await knowsColour()]).toEqual([uid, false]);
    await cluster.ok(['apply', '--server-side', '--force-conflicts', '-f', join(newer, 'definitions')]);
    expect(await knowsColour()).toBe(true);
  }, 120_000);

  it('is all that an uninstallation leaves, with the jobs', async () => {
    await helm('uninstall', 'idlewild', ...system);
    const ours = ['-l', 'app.kubernetes.io/name=idlewild', '-o', 'name'];
    const left = async (kinds: string): Promise<string[]> =>
      (await cluster.ok(['get', kinds, '-A', ...ours])).split('\n').filter((line) => line !== '');
    const kinds = ['deployments', 'daemonsets', 'services', 'secrets', 'configmaps', 'serviceaccounts', 'roles'];
    expect(await left([...kinds, 'rolebindings', 'networkpolicies', 'poddisruptionbudgets'].join(','))).toEqual([]);
    const wide = ['clusterroles', 'clusterrolebindings', 'customresourcedefinitions'];
    const policies = ['validatingadmissionpolicies', 'validatingadmissionpolicybindings'];
    expect(await left([...wide, ...policies].join(','))).toEqual([
      `customresourcedefinition.apiextensions.k8s.io/${definition}`,
    ]);
    expect((await cluster.ok(['get', 'cjob', '-o', 'name'])).split('\n').slice(0, 2)).toEqual([
      'computejob.idlewild.dev/old',
      'computejob.idlewild.dev/red',
    ]);
  }, 120_000);
});
