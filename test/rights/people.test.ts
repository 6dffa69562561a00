// That each rule of the roles for people is one that somebody needs for something, and that they may not do it without that rule.

import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { chartRights } from '@idlewild/lab/manifests/chart.ts';
import { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { bootstrap } from '@idlewild/lab/daemon/bootstrap.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { join } from 'node:path';
import { cellsOfRole, inWords, rolesOf, type Cell } from './cells.ts';
import { expectNeeded } from './without.ts';

jest.setTimeout(60_000);

/** What a right is for. A right that is not here is one that nobody needs. */
const uses: Readonly<Record<string, string>> = {
  'get computejobs.idlewild.dev': 'kubectl get cjob NAME, kubectl describe; the page of a job',
  'list computejobs.idlewild.dev': 'kubectl get cjob; the list of jobs',
  'watch computejobs.idlewild.dev': 'kubectl get cjob -w, kubectl wait',
  'create computejobs.idlewild.dev': 'kubectl create, kubectl apply of a new job; the form of the portal',
  'delete computejobs.idlewild.dev': 'kubectl delete cjob NAME; Delete in the portal',
  'patch computejobs.idlewild.dev':
    'stopping a job, by kubectl patch or in the portal; kubectl apply of one that is there, kubectl edit',
  'update computejobs.idlewild.dev': 'kubectl replace',
  'deletecollection computejobs.idlewild.dev': 'deleting all jobs of a namespace in one request',
  'list events': 'kubectl describe cjob, kubectl events; what happened, in the portal',
  'watch events': 'kubectl events --watch',
  'get pods': 'kubectl logs of a launcher, which reads the pod first',
  'list pods': 'kubectl get pods, to find the launcher of a job',
  'watch pods': 'kubectl get pods -w',
  'get pods/log': 'kubectl logs; the output of a job in the portal',
  'get virtualmachineinstances/vnc.subresources.kubevirt.io': 'the screen, in the portal and by virtctl vnc',
  'get virtualmachineinstances/vnc/screenshot.subresources.kubevirt.io': 'pictures of a screen that somebody else has',
  'get virtualmachineinstances/console.subresources.kubevirt.io': 'the terminal, in the portal and by virtctl console',
  'get virtualmachineinstances.kubevirt.io': 'what a guest was given, in the portal',
  'get pods.metrics.k8s.io': 'what a guest uses, in the portal, and kubectl top pod',
};
/** Where the rights of people are taken over by a role of the cluster. */
const bound: Readonly<Record<string, string>> = {
  'idlewild:user': 'idlewild:user',
  'idlewild:view': 'view',
  'idlewild:edit': 'edit',
};

const roles = rolesOf(await chartRights()).filter(({ metadata }) => metadata.name in bound);
const cells = roles.flatMap((role) => cellsOfRole(role));
const bindings = '/apis/rbac.authorization.k8s.io/v1/namespaces/team-a/rolebindings';

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
  const client = new KubeClient(transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin' }));
  await bootstrap(client, join(import.meta.dirname, '../../crds'));
  await client.raw.close();
  await server.post('/api/v1/namespaces', { metadata: { name: 'team-a' } });
}, 60_000);
afterAll(() => server.stop());
beforeEach(() => server.delete(bindings));

/** Somebody with the role, in one namespace. */
async function bind(role: string): Promise<void> {
  const made = await server.post(bindings, {
    metadata: { name: 'alice' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: role },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'alice' }],
  });
  if (made.status !== 201) throw new Error(made.text);
}

const asked = ({ group, resource, verb }: Cell) => ({
  attributes: { group, resource, verb, namespace: 'team-a', name: 'x' },
  during: '',
});

describe('the roles for people', () => {
  it('grant what somebody uses, and only that', () => {
    expect(roles.map(({ metadata }) => metadata.name).sort()).toEqual(Object.keys(bound).sort());
    expect([...new Set(cells.map(inWords))].sort()).toEqual(Object.keys(uses).sort());
  });

  it.each(cells.map((cell) => [cell.role.metadata.name, inWords(cell), cell] as const))(
    'of %s let somebody %s, who may not without that rule',
    async (role, _words, cell) => {
      await bind(bound[role] ?? '');
      await expectNeeded(server, { token: 'alice', user: 'alice' }, cell, asked(cell));
    },
  );

  it.each([
    ['view', [200, 403]],
    ['edit', [200, 201]],
    ['admin', [200, 201]],
  ])('are part of the cluster’s own role %s', async (role, statuses) => {
    await bind(role);
    const path = '/apis/idlewild.dev/v1alpha1/namespaces/team-a/computejobs';
    const spec = { image: { containerDisk: 'lab/tiny' }, script: 'true' };
    const [seen, made] = [
      await server.ask('GET', path, { as: 'alice' }),
      await server.ask('POST', path, { as: 'alice', body: { metadata: { name: `by-${role}` }, spec } }),
    ];
    expect([seen.status, made.status]).toEqual(statuses);
  });

  it('grant nothing in another namespace, and no Secret', async () => {
    await bind('idlewild:user');
    const jobs = (namespace: string): string => `/apis/idlewild.dev/v1alpha1/namespaces/${namespace}/computejobs`;
    expect(await server.ask('GET', jobs('team-a'), { as: 'alice' })).toMatchObject({ status: 200 });
    expect(await server.ask('GET', jobs('default'), { as: 'alice' })).toMatchObject({ status: 403 });
    const secrets = '/api/v1/namespaces/team-a/secrets';
    expect(await server.ask('GET', secrets, { as: 'alice' })).toMatchObject({ status: 403 });
  });
});
