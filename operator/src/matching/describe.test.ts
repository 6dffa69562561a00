// What a user reads with kubectl of a job that waits: the very words of matching, as a real kubectl shows them.
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from '@idlewild/lab/apiserver/conformance/cluster.ts';
import { parse } from 'yaml';
import { aMachine } from '../../../test/builders/node.ts';
import { aJob } from '../../../test/builders/job.ts';
import { passOver } from '../../../test/builders/queue.ts';
import { waitingStatus } from './statuses.ts';

jest.setTimeout(60_000);

const crd = parse(
  readFileSync(join(import.meta.dirname, '../../../crds/idlewild.dev_computejobs.yaml'), 'utf8'),
) as Record<string, unknown>;

describe('kubectl', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start();
    expect(await cluster.apply([crd])).toMatchObject({ code: 0 });
    await cluster.ok(['wait', '--for=condition=Established', 'crd/computejobs.idlewild.dev', '--timeout=10s']);
  });
  afterAll(() => cluster.stop());

  it('shows why a job waits, its place and the machines that are in the way', async () => {
    const { apiVersion, kind, metadata, spec } = aJob('render', { resources: { cores: 4 } }).job;
    const { name } = metadata;
    expect(await cluster.apply([{ apiVersion, kind, metadata: { name }, spec }])).toMatchObject({ code: 0 });
    const nodes = [
      aMachine('pc-1', { cores: 4, taints: [{ key: 'idlewild.dev/owner-present', effect: 'NoSchedule' }] }),
      aMachine('pc-2', { cores: 2 }),
    ];
    const waits = aJob('render', { resources: { cores: 4 } }).job;
    const words = passOver(nodes, [waits]).why('render');
    const status = waitingStatus(waits, words, { id: 'abcd1234', at: '2026-01-01T12:00:00.000000Z' });
    await cluster.ok([
      'patch',
      'cjob',
      'render',
      '--subresource=status',
      '--type=merge',
      '-p',
      JSON.stringify({ status }),
    ]);

    const described = await cluster.ok(['describe', 'cjob', 'render']);
    expect(words.message).toBe('1st in line; 1 machine is 2 cores short, 1 machine has its owner present');
    expect(described.split(words.message)).toHaveLength(4);
    expect(described).toMatch(/Position:\s+1\n/);
    expect(described).toMatch(/Reason:\s+OwnerPresent\n/);
    expect(described).toMatch(/Names:\s+pc-2\n/);
    const listed = await cluster.ok(['get', 'cjob', 'render', '-o', 'wide']);
    expect(listed).toContain(words.message);
    expect(listed).toMatch(/POSITION/);
  });
});
