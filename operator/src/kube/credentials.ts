// Where a transport's address and credentials come from.
// Promises: a kubeconfig is understood as kubectl does (contexts, exec plugins, in-cluster files). What is plain is read
// directly; for the rest the Kubernetes client library is loaded, which costs a second and 60 MB.

import type * as https from 'node:https';
import { plainCredentials } from './plain-credentials.ts';
import { createTransport, type Transport } from './transport.ts';

const userAgent = 'idlewild';

export interface PlainCredentials {
  readonly server: string;
  readonly caPem?: string | undefined;
  readonly token: string;
  readonly userAgent?: string | undefined;
}

/** For processes that were given a server, its CA and a token. */
export function transportFrom(credentials: PlainCredentials): Transport {
  const { server, caPem, token } = credentials;
  return createTransport({ server, ca: caPem, token, userAgent: credentials.userAgent ?? userAgent });
}

/** How long a token from the kubeconfig is used before it is asked for again (projected tokens rotate), ms. */
const tokenLifeMs = 30_000;

/**
 * From a kubeconfig file, or (no path) from KUBECONFIG, ~/.kube/config or the pod's service account, in that order. Throws
 * when there is no current context, or when it asks for what we do not carry over: a user name and password, to act as somebody
 * else, or a proxy.
 */
export async function transportFromKubeConfig(path?: string): Promise<Transport> {
  const plain = await plainCredentials(path);
  if (plain) return createTransport({ ...plain, userAgent });
  const { KubeConfig } = await import('@kubernetes/client-node');
  const config = new KubeConfig();
  if (path === undefined) config.loadFromDefault();
  else config.loadFromFile(path);
  const cluster = config.getCurrentCluster();
  const source = path ?? 'the default kubeconfig';
  if (!cluster) throw new Error(`kubeconfig: ${source} has no current context with a cluster`);
  const user = config.getCurrentUser();
  if (user?.username) {
    throw new Error(
      `kubeconfig: ${source} logs in by user name and password; a token or a client certificate is needed`,
    );
  }
  if (user?.impersonateUser) {
    throw new Error(
      `kubeconfig: ${source} acts as somebody else (as: ${user.impersonateUser}), which is not supported`,
    );
  }
  if (cluster.proxyUrl) {
    throw new Error(`kubeconfig: ${source} goes through a proxy (proxy-url), which is not supported`);
  }

  const read = async (): Promise<https.RequestOptions> => {
    const options: https.RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    return options;
  };
  const first = await read();
  let token = bearerOf(first);
  let readAt = performance.now();
  return createTransport({
    server: cluster.server,
    ca: pem(first.ca),
    clientCert: pem(first.cert),
    clientKey: pem(first.key),
    serverName: cluster.tlsServerName,
    insecureSkipTlsVerify: cluster.skipTLSVerify,
    userAgent,
    token: async () => {
      if (token !== undefined && performance.now() - readAt > tokenLifeMs) {
        token = bearerOf(await read());
        readAt = performance.now();
      }
      return token;
    },
  });
}

function bearerOf(options: https.RequestOptions): string | undefined {
  const headers = (options.headers ?? {}) as Record<string, unknown>;
  const value = headers['Authorization'] ?? headers['authorization'];
  return typeof value === 'string' && value.startsWith('Bearer ') ? value.slice('Bearer '.length) : undefined;
}

function pem(value: unknown): string | Buffer | undefined {
  return typeof value === 'string' || Buffer.isBuffer(value) ? value : undefined;
}
