// `token`: what to log in to the portal with. The admin's token, or with a name that of a user who may do everything with jobs in one
// namespace and nothing else; the user is made when there is none.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { namespaces, roleBindings, serviceAccounts } from '@idlewild/operator/api/resources.ts';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { transportFromKubeConfig } from '@idlewild/operator/kube/credentials.ts';
import { parse } from 'yaml';
import { ask } from '../daemon/control.ts';
import { layoutOf } from '../daemon/layout.ts';
import { dirOption } from './status.ts';

const options = { ...dirOption, namespace: { type: 'string', default: 'default' } } as const;
const fieldManager = 'idlewild-lab';
const lifeSeconds = 12 * 3600;

export async function tokenCommand(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
  const { kubeconfig, controlSocket } = layoutOf(values.dir);
  // The files of a lab outlive it: a token that nothing takes would look like one.
  await ask(controlSocket, { op: 'status' });
  const [name] = positionals;
  console.log(name === undefined ? adminToken(kubeconfig) : await userToken(kubeconfig, name, values.namespace));
}

function adminToken(kubeconfig: string): string {
  const config = parse(readFileSync(kubeconfig, 'utf8')) as { users?: { user?: { token?: string } }[] };
  const token = config.users?.[0]?.user?.token;
  if (token === undefined) throw new Error(`${kubeconfig} holds no token`);
  return token;
}

async function userToken(kubeconfig: string, name: string, namespace: string): Promise<string> {
  const transport = await transportFromKubeConfig(kubeconfig);
  const client = new KubeClient(transport);
  const own = { fieldManager, force: true };
  try {
    await client.apply(namespaces, { metadata: { name: namespace } }, own);
    await client.apply(serviceAccounts, { metadata: { name, namespace } }, own);
    const binding = {
      metadata: { name: `idlewild-user-${name}`, namespace },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'idlewild:user' },
      subjects: [{ kind: 'ServiceAccount', name, namespace }],
    };
    await client.apply(roleBindings, binding, own);
    const { status } = await client.create<{ status: { token: string } }>(
      serviceAccounts,
      {
        apiVersion: 'authentication.k8s.io/v1',
        kind: 'TokenRequest',
        metadata: {},
        spec: { expirationSeconds: lifeSeconds },
      },
      { namespace, name, subresource: 'token' },
    );
    return status.token;
  } finally {
    await transport.close();
  }
}
