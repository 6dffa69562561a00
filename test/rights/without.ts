// Whether a request is refused once a cell is gone from its role: asked of a real API server with the account's own token.

import type { TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { inWords, rulesWithout, type Attributes, type Cell } from './cells.ts';
import { until } from '../waiting.ts';
import type { Asked } from './record.ts';

export interface Holder {
  readonly token: string;
  /** Such as "system:serviceaccount:idlewild-system:operator". */
  readonly user: string;
}

const patienceMs = 10_000;
const rbac = '/apis/rbac.authorization.k8s.io/v1';

/** Throws unless the request is allowed as the roles are, and refused by the authorizer without the cell. */
export async function expectNeeded(server: TestServer, holder: Holder, cell: Cell, asked: Asked): Promise<void> {
  const { kind, metadata, rules } = cell.role;
  const path =
    kind === 'ClusterRole'
      ? `${rbac}/clusterroles/${metadata.name}`
      : `${rbac}/namespaces/${metadata.namespace ?? ''}/roles/${metadata.name}`;
  const set = async (wanted: unknown): Promise<void> => {
    const { status, text } = await server.patch(path, 'merge', { rules: wanted });
    if (status !== 200) throw new Error(`${path}: ${text}`);
  };
  const what = inWords(asked.attributes);
  // A real API server's authorizer hears of a changed role a moment later, and of what follows from it later still.
  const isRefused = async (): Promise<boolean> => (await refusal(server, holder, asked)) !== undefined;
  await until(async () => !(await isRefused()), `${what} is allowed by the chart's own roles`, patienceMs);
  await set(rulesWithout(cell));
  try {
    await until(isRefused, `${what} is refused without the right to ${inWords(cell)}`, patienceMs);
  } finally {
    await set(rules);
  }
}

/** The authorizer's words; undefined when it lets the request pass, whatever becomes of it then. */
async function refusal(server: TestServer, { token, user }: Holder, asked: Asked): Promise<string | undefined> {
  const { example } = asked;
  if (example === undefined) return reviewed(server, user, asked.attributes);
  const { method, path, query = {}, body, headers = {} } = example;
  const watching = asked.attributes.verb === 'watch' ? { timeoutSeconds: 1, sendInitialEvents: undefined } : {};
  const words = Object.entries({ ...query, follow: undefined, ...watching }).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(String(value))}`],
  );
  const url = words.length === 0 ? path : `${path}${path.includes('?') ? '&' : '?'}${words.join('&')}`;
  const type = headers['content-type'];
  const answer = await server.ask(method, url, { as: token, body, ...(type === undefined ? {} : { type }) });
  const { message = '' } = answer.body;
  return answer.status === 403 && message.includes(`cannot ${asked.attributes.verb} resource`) ? message : undefined;
}

async function reviewed(server: TestServer, user: string, asked: Attributes): Promise<string | undefined> {
  const { group, verb, namespace, name } = asked;
  const [resource = '', ...below] = asked.resource.split('/');
  const { body } = await server.post('/apis/authorization.k8s.io/v1/subjectaccessreviews', {
    spec: {
      user,
      groups: ['system:authenticated'],
      resourceAttributes: { group, verb, namespace, name, resource, subresource: below.join('/') },
    },
  });
  const { allowed } = body['status'] as { allowed: boolean };
  return allowed ? undefined : `${user} may not ${inWords(asked)}`;
}
