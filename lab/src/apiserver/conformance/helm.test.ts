import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { stringify } from 'yaml';
import { Cluster } from './cluster.ts';

jest.setTimeout(60_000);

/** A chart with a config map that follows its values, a service account and a role. */
async function writeChart(dir: string): Promise<void> {
  const templates = [
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: '{{ .Release.Name }}-settings' },
      data: { colour: '{{ .Values.colour }}' },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: '{{ .Release.Name }}' } },
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'Role',
      metadata: { name: '{{ .Release.Name }}' },
      rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }],
    },
  ];
  await mkdir(join(dir, 'templates'), { recursive: true });
  await writeFile(join(dir, 'Chart.yaml'), stringify({ apiVersion: 'v2', name: 'demo', version: '0.1.0' }));
  await writeFile(join(dir, 'values.yaml'), stringify({ colour: 'blue' }));
  await writeFile(join(dir, 'templates', 'all.yaml'), templates.map((template) => stringify(template)).join('---\n'));
}

describe('helm', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start();
    await writeChart(cluster.path('chart'));
  });
  afterAll(() => cluster.stop());

  it('installs, lists, upgrades and uninstalls a chart', async () => {
    const colour = () => cluster.ok(['get', 'cm', 'demo-settings', '-o', 'jsonpath={.data.colour}']);
    expect(await cluster.helm(['install', 'demo', 'chart', '--wait', '--timeout', '20s'])).toMatchObject({ code: 0 });
    expect(await colour()).toBe('blue');
    expect((await cluster.helm(['list'])).stdout).toMatch(/demo\s+default\s+1\s.*deployed\s+demo-0\.1\.0/);
    expect(await cluster.helm(['upgrade', 'demo', 'chart', '--set', 'colour=red'])).toMatchObject({ code: 0 });
    expect(await colour()).toBe('red');
    expect((await cluster.helm(['history', 'demo'])).stdout).toMatch(/1\s.*superseded[^]*2\s.*deployed/);
    expect(await cluster.helm(['rollback', 'demo', '1'])).toMatchObject({ code: 0 });
    expect(await colour()).toBe('blue');
    expect(await cluster.helm(['uninstall', 'demo'])).toMatchObject({
      code: 0,
      stdout: 'release "demo" uninstalled\n',
    });
    expect((await cluster.kubectl(['get', 'cm,role,secrets'])).stderr).toBe(
      'No resources found in default namespace.\n',
    );
  });
});
