import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Cluster } from './cluster.ts';

jest.setTimeout(60_000);

describe('kubectl finding its way', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start();
  });
  afterAll(() => cluster.stop());

  it('reads the version and the place of the server', async () => {
    expect(await cluster.ok(['version'])).toMatch(/Client Version: v1\.35\.\d+\n[^]*Server Version: v1\.36\./);
    expect(await cluster.ok(['cluster-info'])).toContain('is running at');
  });

  it('lists what is served, and nothing that is not', async () => {
    const resources = await cluster.ok(['api-resources', '--no-headers']);
    expect(resources).toMatch(/^pods +po +v1 +true +Pod$/m);
    expect(resources).toMatch(
      /^customresourcedefinitions +crd,crds +apiextensions\.k8s\.io\/v1 +false +CustomResourceDefinition$/m,
    );
    expect(resources).not.toContain('deployments');
    expect(await cluster.kubectl(['get', 'deployments'])).toMatchObject({
      code: 1,
      stderr: 'error: the server doesn\'t have a resource type "deployments"\n',
    });
    expect((await cluster.kubectl(['top', 'nodes'])).stderr).toBe('error: Metrics API not available\n');
  });

  it('explains built-in kinds with their text', async () => {
    expect(await cluster.ok(['explain', 'pod.spec.containers.image'])).toMatch(
      /FIELD: image <string>\n[^]*Container image name/,
    );
    expect(await cluster.ok(['explain', 'node.spec.taints.effect'])).toMatch(/ENUM:\n +NoSchedule/);
    expect(await cluster.ok(['explain', 'crd.spec', '--recursive'])).toMatch(
      /versions\t<\[\]CustomResourceDefinitionVersion> -required-/,
    );
    expect((await cluster.kubectl(['explain', 'pod.nope'])).stderr).toContain('field "nope" does not exist');
  });

  it('creates the plain kinds with its own commands', async () => {
    await cluster.ok(['create', 'namespace', 'lab']);
    expect(await cluster.ok(['get', 'ns', 'lab', '-o', 'jsonpath={.metadata.labels} {.status.phase}'])).toBe(
      '{"kubernetes.io/metadata.name":"lab"} Active',
    );
    await cluster.ok(['create', 'configmap', 'settings', '--from-literal=a=b', '-n', 'lab']);
    await cluster.ok(['create', 'secret', 'generic', 'key', '--from-literal=a=b', '-n', 'lab']);
    expect(await cluster.ok(['get', 'secret', 'key', '-n', 'lab', '-o', 'jsonpath={.type} {.data.a}'])).toBe(
      'Opaque Yg==',
    );
    expect(await cluster.ok(['get', 'cm,secrets', '-n', 'lab', '-o', 'name'])).toBe('configmap/settings\nsecret/key\n');
  });

  it('is refused unknown fields and bad values of built-in kinds', async () => {
    const unknown = await cluster.apply([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' }, dada: {} }]);
    expect(unknown.stderr).toContain('strict decoding error: unknown field "dada"');
    const wrong = await cluster.apply([
      { apiVersion: 'v1', kind: 'Service', metadata: { name: 'x' }, spec: { ports: [{ port: 'http' }] } },
    ]);
    expect(wrong.code).toBe(1);
    expect(wrong.stderr).toContain(
      'Service in version "v1" cannot be handled as a Service: json: cannot unmarshal string into Go struct field ServicePort.spec.ports.port of type int32',
    );
    const name = await cluster.kubectl(['create', 'namespace', 'Not_A_Label']);
    expect(name.stderr).toContain('a lowercase RFC 1123 label must consist of lower case alphanumeric characters');
  });
});
