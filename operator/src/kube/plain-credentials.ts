// Credentials that can be read without the Kubernetes client library, which costs a second and 60 MB: a pod's service account,
// and a kubeconfig whose current user has a token or a certificate.
// Promises: whatever else a kubeconfig may say (plugins, several files merged, proxies, impersonation) is left to the library:
// nothing that is not understood here is passed over.

import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { TransportOptions } from './transport.ts';

export type PlainTransportOptions = Omit<TransportOptions, 'userAgent'>;

const serviceAccountDir = '/var/run/secrets/kubernetes.io/serviceaccount';
/** How long a token is used before its file is read again: projected tokens rotate. */
const tokenLifeMs = 30_000;

/**
 * @param path a kubeconfig; without it KUBECONFIG, ~/.kube/config or the pod's service account, in that order.
 * @returns undefined when only the library can tell.
 */
export async function plainCredentials(
  path?: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<PlainTransportOptions | undefined> {
  const file = path ?? env.KUBECONFIG ?? join(homedir(), '.kube/config');
  if (path !== undefined || env.KUBECONFIG !== undefined || existsSync(file)) return fromKubeconfig(file);
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  const token = join(serviceAccountDir, 'token');
  if (host === undefined || port === undefined || !existsSync(token)) return undefined;
  const server = `https://${host.includes(':') ? `[${host}]` : host}:${port}`;
  return { server, ca: readFileSync(join(serviceAccountDir, 'ca.crt')), token: tokenOf(token) };
}

const clusterFields = new Set([
  'server',
  'certificate-authority',
  'certificate-authority-data',
  'insecure-skip-tls-verify',
  'tls-server-name',
]);
const userFields = new Set([
  'token',
  'tokenFile',
  'client-certificate',
  'client-certificate-data',
  'client-key',
  'client-key-data',
]);

async function fromKubeconfig(file: string): Promise<PlainTransportOptions | undefined> {
  if (!existsSync(file)) return undefined;
  const { default: yaml } = await import('yaml');
  const config = recordOf(yaml.parse(readFileSync(file, 'utf8')));
  const context = named(config.contexts, config['current-context'], 'context');
  const cluster = named(config.clusters, context?.cluster, 'cluster');
  const user = named(config.users, context?.user, 'user');
  if (!cluster || !user || !only(cluster, clusterFields) || !only(user, userFields)) return undefined;
  const server = textOf(cluster.server);
  if (server === undefined) return undefined;
  const read = (from: Record<string, unknown>, field: string): Buffer | undefined => {
    const data = textOf(from[`${field}-data`]);
    if (data !== undefined) return Buffer.from(data, 'base64');
    const name = textOf(from[field]);
    return name === undefined ? undefined : readFileSync(resolve(dirname(file), name));
  };
  const tokenFile = textOf(user.tokenFile);
  return {
    server,
    ca: read(cluster, 'certificate-authority'),
    clientCert: read(user, 'client-certificate'),
    clientKey: read(user, 'client-key'),
    serverName: textOf(cluster['tls-server-name']),
    insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'] === true,
    token: tokenFile === undefined ? textOf(user.token) : tokenOf(resolve(dirname(file), tokenFile)),
  };
}

function tokenOf(file: string): () => string {
  let token = '';
  let readAt = Number.NEGATIVE_INFINITY;
  return () => {
    const now = performance.now();
    if (now - readAt > tokenLifeMs) {
      token = readFileSync(file, 'utf8').trim();
      readAt = now;
    }
    return token;
  };
}

function named(list: unknown, name: unknown, field: string): Record<string, unknown> | undefined {
  if (!Array.isArray(list) || typeof name !== 'string') return undefined;
  const found = list.map(recordOf).find((entry) => entry.name === name);
  return found?.[field] === undefined ? undefined : recordOf(found[field]);
}

function only(record: Record<string, unknown>, fields: ReadonlySet<string>): boolean {
  return Object.keys(record).every((field) => fields.has(field));
}

function recordOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}
