// Where a Service that the server itself calls (a webhook's, an aggregated API's) is reached. Pods have no network in the
// lab, so such a Service is of type ExternalName; one with an explicit Endpoints object works too.

import { checkServerIdentity, type ConnectionOptions } from 'node:tls';
import { serviceUnavailable } from '../errors/status.ts';
import type { Store } from '../storage/store.ts';

export interface ServiceReference {
  readonly namespace: string;
  readonly name: string;
  readonly port?: number;
}

export interface ServiceEndpoint {
  readonly host: string;
  readonly port: number;
  /** What its certificate is asked for: `NAME.NAMESPACE.svc`; one for the host is good too. */
  readonly serverName: string;
}

/** The TLS options of a connection to the endpoint. */
export function tlsOptions(endpoint: ServiceEndpoint, caBundle: string | undefined): ConnectionOptions {
  return {
    servername: endpoint.serverName,
    ...(caBundle ? { ca: Buffer.from(caBundle, 'base64').toString() } : {}),
    checkServerIdentity: (_name, certificate) =>
      checkServerIdentity(endpoint.host, certificate) && checkServerIdentity(endpoint.serverName, certificate),
  };
}

interface ServicePort {
  readonly port: number;
  readonly targetPort?: number | string;
  readonly name?: string;
}

const defaultPort = 443;

/** Throws a 503 if there is no such service, port or endpoint. */
export function serviceEndpoint(store: Store, reference: ServiceReference): ServiceEndpoint {
  const { namespace, name } = reference;
  const service = store.get('/services', namespace, name);
  if (service === undefined) throw serviceUnavailable(`service "${name}" not found`);
  const serverName = `${name}.${namespace}.svc`;
  const spec = (service['spec'] ?? {}) as { type?: string; externalName?: string; ports?: ServicePort[] };
  const wanted = reference.port ?? defaultPort;
  const port = spec.ports?.find((candidate) => candidate.port === wanted);
  const targetPort = typeof port?.targetPort === 'number' ? port.targetPort : (port?.port ?? wanted);
  if (spec.type === 'ExternalName') {
    return { host: spec.externalName ?? '', port: targetPort, serverName };
  }
  const subsets = (store.get('/endpoints', namespace, name)?.['subsets'] ?? []) as {
    addresses?: { ip: string }[];
    ports?: { port: number; name?: string }[];
  }[];
  for (const subset of subsets) {
    const address = subset.addresses?.[0]?.ip;
    const target = subset.ports?.find((candidate) => candidate.name === port?.name) ?? subset.ports?.[0];
    if (address !== undefined && target !== undefined) {
      return { host: address, port: target.port, serverName };
    }
  }
  throw serviceUnavailable(`no endpoints available for service "${name}"`);
}
