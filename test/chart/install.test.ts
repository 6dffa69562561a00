// The life of a release as the lab's API server sees it, by the real helm: installed, asked, upgraded, rolled back, uninstalled.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Cluster } from '@idlewild/lab/apiserver/conformance/cluster.ts';

const chart = join(import.meta.dirname, '../../charts/idlewild');
const release = ['idlewild', chart, '-n', 'idlewild-system'];

let cluster: Cluster;

async function helm(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.helm(args);
  if (code !== 0) throw new Error(`helm ${args.join(' ')}: ${stderr}`);
  return stdout;
}
const get = (...args: string[]): Promise<string> => cluster.ok(['get', '-n', 'idlewild-system', ...args]);
const replicas = (): Promise<string> => get('deployment', 'operator', '-o', 'jsonpath={.spec.replicas}');
const keys = (): Promise<string> => get('secret', 'portal-session', '-o', 'jsonpath={.data.keys}');

beforeAll(async () => {
  cluster = await Cluster.start({ workloads: true });
}, 120_000);
afterAll(() => cluster.stop());

describe('a release', () => {
  it('is installed, upgraded, rolled back and uninstalled, and leaves jobs and their definition alone', async () => {
    await helm('install', ...release, '--create-namespace');
    expect(await get('deployments,daemonsets', '-o', 'name')).toBe(
      'deployment.apps/operator\ndeployment.apps/portal\ndaemonset.apps/agent-desktop\n',
    );
    expect(await replicas()).toBe('2');
    const sealed = await keys();
    const job = {
      apiVersion: 'idlewild.dev/v1alpha1',
      kind: 'ComputeJob',
      metadata: { name: 'kept', namespace: 'default' },
      spec: { resources: { cores: 1, memory: '1Gi' }, image: { containerDisk: 'example.org/i:1' }, script: 'true' },
    };
    expect(await cluster.apply([job])).toMatchObject({ code: 0 });
    const uid = await cluster.ok(['get', 'cjob', 'kept', '-o', 'jsonpath={.metadata.uid}']);

    // The first job that the chart's README tells of.
    const [, input = ''] = /<<'JOB'\n([^]*?)\nJOB\n/.exec(await readFile(join(chart, 'README.md'), 'utf8')) ?? [];
    expect(await cluster.ok(['apply', '-f', '-'], { input })).toBe('computejob.idlewild.dev/hello created\n');

    await helm('upgrade', ...release, '--set', 'operator.replicas=3,portal.enabled=true');
    expect(await replicas()).toBe('3');
    expect(await keys()).toBe(sealed);

    await helm('rollback', 'idlewild', '1', '-n', 'idlewild-system');
    expect(await replicas()).toBe('2');

    expect(await helm('uninstall', 'idlewild', '-n', 'idlewild-system')).toContain('computejobs.idlewild.dev');
    expect(await get('deployments,daemonsets,networkpolicies,poddisruptionbudgets', '-o', 'name')).toBe('');
    expect(await cluster.ok(['get', 'cjob', 'kept', '-o', 'jsonpath={.metadata.uid}'])).toBe(uid);

    // What the controller of namespaces does, as none runs here.
    const empty = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'idlewild-machines' }, spec: {} };
    await cluster.ok(['replace', '--raw', '/api/v1/namespaces/idlewild-machines/finalize', '-f', '-'], {
      input: JSON.stringify(empty),
    });

    // And the definition that stayed is taken over again.
    await helm('install', ...release);
    expect(await cluster.ok(['get', 'cjob', 'kept', '-o', 'jsonpath={.metadata.uid}'])).toBe(uid);
  }, 300_000);
});
