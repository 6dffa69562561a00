import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Cluster } from './cluster.ts';
import { node, pod } from './objects.ts';

jest.setTimeout(60_000);

describe('kubectl with nodes and pods', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start();
    expect(await cluster.apply([node('n1')])).toMatchObject({ code: 0 });
  });
  afterAll(() => cluster.stop());

  it('shows nodes', async () => {
    expect(await cluster.ok(['get', 'nodes'])).toMatch(
      /^NAME +STATUS +ROLES +AGE +VERSION\nn1 +Ready +<none> +\d+s +v1\.36\.2\n$/,
    );
    expect(await cluster.ok(['get', 'nodes', '-o', 'wide'])).toMatch(/INTERNAL-IP[^]*127\.0\.0\.1/);
    expect(await cluster.ok(['describe', 'node', 'n1'])).toMatch(
      /Capacity:\n +cpu: +4\n[^]*Non-terminated Pods: +\(0 in total\)/,
    );
  });

  it('cordons, uncordons and taints', async () => {
    expect(await cluster.ok(['cordon', 'n1'])).toBe('node/n1 cordoned\n');
    expect(await cluster.ok(['get', 'node', 'n1'])).toContain('Ready,SchedulingDisabled');
    expect(await cluster.ok(['uncordon', 'n1'])).toBe('node/n1 uncordoned\n');
    expect(await cluster.ok(['taint', 'nodes', 'n1', 'example.dev/x=y:NoSchedule'])).toBe('node/n1 tainted\n');
    expect(
      await cluster.ok(['get', 'node', 'n1', '-o', 'jsonpath={.spec.taints[?(@.key=="example.dev/x")].value}']),
    ).toBe('y');
    expect(await cluster.ok(['taint', 'nodes', 'n1', 'example.dev/x-'])).toBe('node/n1 untainted\n');
  });

  it('shows and describes pods, and selects them by their node', async () => {
    await cluster.apply([pod('shown', 'n1', { app: 'shown' })]);
    expect(await cluster.ok(['get', 'pods', 'shown'])).toMatch(
      /^NAME +READY +STATUS +RESTARTS +AGE\nshown +0\/1 +Pending +0 +\d+s\n$/,
    );
    expect(await cluster.ok(['describe', 'pod', 'shown'])).toMatch(
      /Name: +shown\n[^]*Node: +n1\/[^]*QoS Class: +BestEffort/,
    );
    expect(
      await cluster.ok(['get', 'pods', '--field-selector', 'spec.nodeName=n1,status.phase!=Succeeded', '-o', 'name']),
    ).toBe('pod/shown\n');
    expect(await cluster.ok(['get', 'pods', '--field-selector', 'spec.nodeName=n2', '-o', 'name'])).toBe('');
    const refused = await cluster.kubectl(['get', 'pods', '--field-selector', 'spec.colour=red']);
    expect(refused.stderr).toContain('field label not supported: spec.colour');
    await cluster.ok(['delete', 'pod', 'shown']);
  });

  it('merges containers and keeps what may not change', async () => {
    await cluster.apply([pod('kept', 'n1')]);
    const image = JSON.stringify({ spec: { containers: [{ name: 'main', image: 'other:2' }] } });
    expect(await cluster.ok(['patch', 'pod', 'kept', '-p', image])).toBe('pod/kept patched\n');
    expect(await cluster.ok(['get', 'pod', 'kept', '-o', 'jsonpath={.spec.containers[*].image}'])).toBe('other:2');
    const refused = await cluster.kubectl(['patch', 'pod', 'kept', '-p', '{"spec":{"restartPolicy":"Never"}}']);
    expect(refused.stderr).toContain('spec: Forbidden: pod updates may not change fields other than');
    await cluster.ok(['delete', 'pod', 'kept']);
  });

  it('is refused a drain of bare pods, then drains with force', async () => {
    await cluster.apply([pod('bare', 'n1')]);
    const refused = await cluster.kubectl(['drain', 'n1', '--timeout=10s']);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain(
      'cannot delete Pods that declare no controller (use --force to override): default/bare',
    );
    const drained = await cluster.ok([
      'drain',
      'n1',
      '--force',
      '--ignore-daemonsets',
      '--delete-emptydir-data',
      '--timeout=20s',
    ]);
    expect(drained).toMatch(/evicting pod default\/bare\npod\/bare evicted\nnode\/n1 drained\n$/);
    await cluster.ok(['uncordon', 'n1']);
  });

  it('waits with a drain while a disruption budget holds a pod', async () => {
    const budget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'one', namespace: 'default' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'held' } } },
    };
    await cluster.apply([pod('held', 'n1', { app: 'held' }), budget]);
    const ready = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } };
    await cluster.ok(['patch', 'pod', 'held', '--subresource=status', '--type=merge', '-p', JSON.stringify(ready)]);
    const held = await cluster.kubectl(['drain', 'n1', '--force', '--timeout=2s']);
    expect(held.code).toBe(1);
    expect(held.stderr).toContain("Cannot evict pod as it would violate the pod's disruption budget");
    await cluster.ok(['delete', 'pdb', 'one']);
    expect(await cluster.ok(['drain', 'n1', '--force', '--timeout=20s'])).toContain('pod/held evicted');
    await cluster.ok(['uncordon', 'n1']);
  });

  it('finds no logs of a pod that is not there', async () => {
    expect(await cluster.kubectl(['logs', 'nope'])).toMatchObject({
      code: 1,
      stderr: 'error: error from server (NotFound): pods "nope" not found in namespace "default"\n',
    });
  });

  it('shows the events of an object', async () => {
    await cluster.apply([pod('noisy', 'n1')]);
    const uid = await cluster.ok(['get', 'pod', 'noisy', '-o', 'jsonpath={.metadata.uid}']);
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'noisy.1', namespace: 'default' },
      eventTime: '2026-01-01T00:00:00.000000Z',
      regarding: { apiVersion: 'v1', kind: 'Pod', name: 'noisy', namespace: 'default', uid },
      reason: 'Started',
      action: 'Start',
      note: 'it began',
      type: 'Normal',
      reportingController: 'example.dev/test',
      reportingInstance: 'test-1',
    };
    expect((await cluster.kubectl(['create', '-f', '-'], { input: JSON.stringify(event) })).stderr).toBe('');
    expect(await cluster.ok(['events', '--for', 'pod/noisy'])).toMatch(/Normal +Started +Pod\/noisy +it began/);
    expect(await cluster.ok(['get', 'events'])).toMatch(/Normal +Started +pod\/noisy +it began/);
    expect(await cluster.ok(['describe', 'pod', 'noisy'])).toContain('it began');
  });
});
