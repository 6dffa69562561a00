import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { Cluster } from './cluster.ts';

jest.setTimeout(60_000);

describe('kubectl and what one may', () => {
  let cluster: Cluster;
  beforeAll(async () => {
    cluster = await Cluster.start();
  });
  afterAll(() => cluster.stop());

  it('tells who one is and what one may', async () => {
    expect(await cluster.ok(['auth', 'whoami'], { as: 'alice' })).toMatch(
      /Username +alice\nGroups +\[researchers system:authenticated\]/,
    );
    expect(await cluster.ok(['auth', 'can-i', 'create', 'pods'])).toBe('yes\n');
    expect(await cluster.kubectl(['auth', 'can-i', 'create', 'pods'], { as: 'alice' })).toMatchObject({
      code: 1,
      stdout: 'no\n',
    });
  });

  it('lets a role be made, bound, listed and used', async () => {
    expect(await cluster.kubectl(['get', 'pods'], { as: 'alice' })).toMatchObject({
      code: 1,
      stderr:
        'Error from server (Forbidden): pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "default"\n',
    });
    await cluster.ok(['create', 'role', 'looker', '--verb=get,list,watch', '--resource=pods']);
    await cluster.ok(['create', 'rolebinding', 'looker', '--role=looker', '--group=researchers']);
    expect((await cluster.kubectl(['get', 'pods'], { as: 'alice' })).code).toBe(0);
    expect(await cluster.ok(['auth', 'can-i', '--list', '--as=alice', '--as-group=researchers'])).toMatch(
      /pods +\[\] +\[\] +\[get list watch\]/,
    );
    expect(
      (await cluster.kubectl(['auth', 'can-i', 'list', 'pods', '-n', 'kube-system'], { as: 'alice' })).stdout,
    ).toBe('no\n');
  });

  it('lets nobody grant more than they have', async () => {
    await cluster.ok(['create', 'role', 'granter', '--verb=create', '--resource=roles.rbac.authorization.k8s.io']);
    await cluster.ok(['create', 'rolebinding', 'granter', '--role=granter', '--user=alice']);
    const refused = await cluster.kubectl(['create', 'role', 'thief', '--verb=get', '--resource=secrets'], {
      as: 'alice',
    });
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('is attempting to grant RBAC permissions not currently held');
  });

  it('lets only those act as others who may', async () => {
    const refused = await cluster.kubectl(['get', 'pods', '--as=bob'], { as: 'alice' });
    expect(refused.stderr).toContain(
      'users "bob" is forbidden: User "alice" cannot impersonate resource "users" in API group "" at the cluster scope',
    );
  });

  it('makes tokens for service accounts that work until the account goes', async () => {
    await cluster.ok(['create', 'serviceaccount', 'robot']);
    const token = (await cluster.ok(['create', 'token', 'robot', '--duration=15m'])).trim();
    const asRobot = [
      '--token',
      token,
      '--server',
      cluster.url,
      '--insecure-skip-tls-verify',
      '--kubeconfig',
      '/dev/null',
    ];
    expect(await cluster.ok(['auth', 'whoami', ...asRobot])).toMatch(/Username +system:serviceaccount:default:robot/);
    await cluster.ok(['delete', 'serviceaccount', 'robot']);
    const refused = await cluster.kubectl(['auth', 'whoami', ...asRobot]);
    expect(refused.stderr).toContain('You must be logged in to the server (Unauthorized)');
  });

  it('keeps strangers out and answers their question for health', async () => {
    expect(await cluster.get('/readyz')).toEqual({ status: 200, body: 'ok' });
    const refused = await cluster.get('/api/v1/nodes');
    expect(refused.status).toBe(403);
    expect(JSON.parse(refused.body)).toMatchObject({
      message:
        'nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group "" at the cluster scope',
    });
    expect((await cluster.get('/api/v1/nodes', { authorization: 'Bearer wrong' })).status).toBe(401);
  });
});
