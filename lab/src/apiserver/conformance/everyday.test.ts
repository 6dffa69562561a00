// kubectl as people use it day by day: the commands that are in no tutorial of ours, and what they are told when something
// is not to be had here.

import { chmod, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Cluster } from './cluster.ts';
import { gadget, gadgetDefinition, pod } from './objects.ts';

jest.setTimeout(60_000);

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start();
  expect(await cluster.apply([gadgetDefinition])).toMatchObject({ code: 0 });
  await cluster.ok(['wait', '--for=condition=Established', 'crd/gadgets.example.dev']);
});
afterAll(() => cluster.stop());

/** A script that edits the file that it is given by a sed expression. */
async function editor(name: string, expression: string): Promise<Record<string, string>> {
  const path = cluster.path(name);
  await writeFile(path, `#!/bin/sh\nsed -i '${expression}' "$1"\n`);
  await chmod(path, 0o755);
  return { KUBE_EDITOR: path };
}

describe('kubectl create', () => {
  it('makes what it sends as protobuf', async () => {
    await cluster.ok(['create', 'pdb', 'half', '--selector=app=x', '--max-unavailable=50%']);
    expect(await cluster.ok(['get', 'pdb', 'half', '-o', 'jsonpath={.spec}'])).toBe(
      '{"maxUnavailable":"50%","selector":{"matchLabels":{"app":"x"}}}',
    );
    await cluster.ok(['create', 'priorityclass', 'low', '--value=10']);
    expect(await cluster.ok(['get', 'pc', 'low', '-o', 'jsonpath={.value} {.preemptionPolicy}'])).toBe(
      '10 PreemptLowerPriority',
    );
    await cluster.ok(['create', 'service', 'clusterip', 'web', '--tcp=80:8080']);
    expect(
      await cluster.ok(['get', 'service', 'web', '-o', 'jsonpath={.spec.ports[0].port} {.spec.ports[0].targetPort}']),
    ).toBe('80 8080');
  });

  it('is told that workload kinds are unknown', async () => {
    const { code, stderr } = await cluster.kubectl(['create', 'deployment', 'web', '--image=nginx']);
    expect([code, stderr]).toEqual([
      1,
      'error: failed to create deployment: the server could not find the requested resource (post deployments.apps)\n',
    ]);
    const applied = await cluster.apply([{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } }]);
    expect(applied.stderr).toContain('no matches for kind "Deployment" in version "apps/v1"');
  });
});

describe('going into a pod', () => {
  it.each([
    [
      ['exec', 'shut', '--', 'ls'],
      'pods/exec is not served by this cluster: there is no container to run a command in',
    ],
    [['attach', 'shut'], 'pods/attach is not served by this cluster: there is no container to attach to'],
    [['debug', 'shut', '--image=busybox'], 'pods/ephemeralcontainers is not served by this cluster'],
    [['exec', 'missing', '--', 'ls'], 'pods "missing" not found'],
  ])('kubectl %j is refused in words', async (args, words) => {
    await cluster.apply([pod('shut', 'n1')]);
    const { code, stderr } = await cluster.kubectl(args);
    expect([code, stderr]).toEqual([1, expect.stringContaining(words)]);
  });
});

describe('looking around', () => {
  it('dumps the cluster, kinds that are not served included', async () => {
    const dump = await cluster.ok(['cluster-info', 'dump', '--namespaces', 'default']);
    expect(dump).toContain('"kind": "DeploymentList"');
    expect((await cluster.kubectl(['get', 'deployments'])).stderr).toContain("doesn't have a resource type");
  });

  it('lists the group versions that the server answers itself', async () => {
    const list = await cluster.ok(['get', 'apiservices']);
    expect(list).toMatch(/^v1\. +Local +True/m);
    expect(list).toMatch(/^v1\.example\.dev +Local +True/m);
  });

  it('shows what aggregated roles grant, also after a role was added', async () => {
    const granted = () => cluster.ok(['get', 'clusterrole', 'view', '-o', 'jsonpath={.rules[*].resources}']);
    expect(await granted()).toContain('configmaps');
    await cluster.ok(['create', 'clusterrole', 'see-gadgets', '--verb=get', '--resource=gadgets.example.dev']);
    await cluster.ok(['label', 'clusterrole', 'see-gadgets', 'rbac.authorization.k8s.io/aggregate-to-view=true']);
    expect(await granted()).toContain('gadgets');
    expect(await cluster.ok(['get', 'clusterrole', 'admin', '-o', 'jsonpath={.rules[*].resources}'])).toContain(
      'gadgets',
    );
    await cluster.ok(['delete', 'clusterrole', 'see-gadgets']);
    expect(await granted()).not.toContain('gadgets');
  });

  it('tells the checks behind readyz when asked for more', async () => {
    expect(await cluster.ok(['get', '--raw', '/readyz?verbose'])).toBe(
      '[+]ping ok\n[+]storage ok\nreadyz check passed\n',
    );
  });

  it('says that there are no metrics', async () => {
    expect((await cluster.kubectl(['top', 'nodes'])).stderr).toBe('error: Metrics API not available\n');
  });

  it('explains a kind to its last field', async () => {
    expect(await cluster.ok(['explain', 'gadgets', '--recursive'])).toMatch(
      /metadata\t<ObjectMeta>[^]*size\t<integer>/,
    );
  });
});

describe('changing a custom object', () => {
  it('by an editor, which is told what was wrong', async () => {
    await cluster.apply([gadget('edited', { size: 2 })]);
    const env = await editor('resize', 's/size: .*/size: 9/');
    expect(await cluster.ok(['edit', 'gadget', 'edited'], { env })).toBe('gadget.example.dev/edited edited\n');
    expect(await cluster.ok(['get', 'gadget', 'edited', '-o', 'jsonpath={.spec.size}'])).toBe('9');
    const broken = await editor('break', 's/size: .*/size: -1/');
    const { code, stderr } = await cluster.kubectl(['edit', 'gadget', 'edited'], { env: broken });
    expect([code, stderr]).toEqual([1, expect.stringContaining('gadgets.example.dev "edited" is invalid')]);
  });

  it('by merge patches, without a warning', async () => {
    await cluster.apply([gadget('patched', { size: 2 })]);
    const { code, stderr } = await cluster.kubectl([
      'patch',
      'gadget',
      'patched',
      '--type=merge',
      '-p',
      '{"spec":{"size":7}}',
    ]);
    expect([code, stderr]).toEqual([0, '']);
  });

  it('by force, as a new object of the name', async () => {
    await cluster.apply([gadget('forced', { size: 2 })]);
    const uid = () => cluster.ok(['get', 'gadget', 'forced', '-o', 'jsonpath={.metadata.uid}']);
    const before = await uid();
    const input = JSON.stringify(gadget('forced', { size: 2 }));
    expect(await cluster.ok(['replace', '--force', '-f', '-'], { input })).toContain(
      'gadget.example.dev/forced replaced',
    );
    expect(await uid()).not.toBe(before);
  });

  it('is a conflict between two who apply, until one forces it', async () => {
    const apply = (manager: string, size: number, ...flags: string[]) =>
      cluster.apply([gadget('shared', { size })], ['--server-side', `--field-manager=${manager}`, ...flags]);
    expect(await apply('one', 2)).toMatchObject({ code: 0 });
    const { code, stderr } = await apply('two', 3);
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining('error: Apply failed with 1 conflict: conflict with "one": .spec.size\n'),
    ]);
    expect(await apply('two', 3, '--force-conflicts')).toMatchObject({ code: 0 });
    expect(await cluster.ok(['get', 'gadget', 'shared', '-o', 'jsonpath={.spec.size}'])).toBe('3');
  });
});

describe('what is no longer in the files', () => {
  const configMap = (name: string) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, labels: { set: 'a' } },
  });
  const left = () => cluster.ok(['get', 'cm', '-l', 'set=a', '-o', 'name']);

  it('is pruned by selector', async () => {
    const flags = ['--prune', '-l', 'set=a', '--prune-allowlist=core/v1/ConfigMap'];
    expect(await cluster.apply([configMap('kept'), configMap('gone')], flags)).toMatchObject({ code: 0 });
    expect((await cluster.apply([configMap('kept')], flags)).stdout).toContain('configmap/gone pruned');
    expect(await left()).toBe('configmap/kept\n');
  });

  it('is pruned by apply set', async () => {
    const flags = ['-n', 'default', '--server-side', '--force-conflicts', '--prune', '--applyset=configmaps/the-set'];
    const env = { KUBECTL_APPLYSET: 'true' };
    const apply = (...names: string[]) =>
      cluster.kubectl(['apply', ...flags, '-f', '-'], {
        env,
        input: names.map((name) => JSON.stringify(configMap(name))).join('\n---\n'),
      });
    expect(await apply('kept', 'gone')).toMatchObject({ code: 0 });
    expect((await apply('kept')).stdout).toContain('configmap/gone pruned');
    expect(await left()).toBe('configmap/kept\n');
  });
});
