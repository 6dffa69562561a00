// Who may talk to the lab's API server: the static tokens of the admin, the control plane, the operator and the portal, and kubeconfigs that
// carry them; those of the agents are bound to their machines, see agent-tokens.ts. Promises: tokens are made once and kept, so that a
// kubeconfig in somebody's shell stays good over restarts.
import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';

export const users = {
  admin: { name: 'lab-admin', groups: ['system:masters'] },
  controlPlane: { name: 'lab-controlplane', groups: ['system:masters'] },
  operator: {
    name: 'system:serviceaccount:idlewild-system:operator',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:idlewild-system'],
  },
  portal: {
    name: 'system:serviceaccount:idlewild-system:portal',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:idlewild-system'],
  },
} as const;

export type User = keyof typeof users;
export type Tokens = Readonly<Record<User, string>>;

/** Reads the token file, or writes a new one: token,user,uid,"group1,group2" as kube-apiserver's --token-auth-file. */
export function ensureTokens(file: string): Tokens {
  const kept = readTokens(file);
  const tokens: Tokens = {
    admin: kept.get(users.admin.name) ?? newToken(),
    controlPlane: kept.get(users.controlPlane.name) ?? newToken(),
    operator: kept.get(users.operator.name) ?? newToken(),
    portal: kept.get(users.portal.name) ?? newToken(),
  };
  const lines = (Object.keys(users) as User[]).map((key) => {
    const { name, groups } = users[key];
    return `${tokens[key]},${name},${name},"${groups.join(',')}"\n`;
  });
  writePrivate(file, lines.join(''));
  return tokens;
}

function readTokens(file: string): Map<string, string> {
  try {
    const rows = readFileSync(file, 'utf8')
      .split('\n')
      .map((line) => line.split(','));
    return new Map(rows.filter((row) => row.length > 1).map(([token, name]) => [name!, token!]));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
}

function newToken(): string {
  return randomBytes(24).toString('base64url');
}

export interface KubeconfigContent {
  readonly server: string;
  readonly caPem: string;
  readonly user: string;
  readonly token: string;
}

/** Writes a kubeconfig that needs no other file. */
export function writeKubeconfig(file: string, { server, caPem, user, token }: KubeconfigContent): void {
  const name = 'idlewild-lab';
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { server, 'certificate-authority-data': Buffer.from(caPem).toString('base64') } }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name, context: { cluster: name, user, namespace: 'default' } }],
    'current-context': name,
  };
  writePrivate(file, stringify(content, { lineWidth: 0 }));
}

function writePrivate(file: string, text: string): void {
  const partial = `${file}.${process.pid}.partial`;
  writeFileSync(partial, text, { mode: 0o600 });
  renameSync(partial, file);
}
