// The log of a pod's container, streamed from the kubelet of its node.

import type { ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { ConnectionOptions } from 'node:tls';
import { ApiFailure, badRequest, internalError, notFound } from '../errors/status.ts';
import type { ServedResource } from '../registry/types.ts';
import { storageKey, type Parts } from '../rest/parts.ts';

export interface LogRequest {
  readonly resource: ServedResource;
  readonly namespace: string;
  readonly name: string;
  readonly query: URLSearchParams;
}

interface PodSpec {
  readonly nodeName?: string;
  readonly containers?: readonly { readonly name: string }[];
  readonly initContainers?: readonly { readonly name: string }[];
  readonly ephemeralContainers?: readonly { readonly name: string }[];
}

const passedOn = ['follow', 'tailLines', 'sinceSeconds', 'sinceTime', 'timestamps', 'previous', 'limitBytes'];
const connectTimeoutMs = 10_000;

/** @param credentials the client certificate by which kubelets know the server */
export async function streamLog(
  parts: Parts,
  request: LogRequest,
  response: ServerResponse,
  credentials: ConnectionOptions,
): Promise<void> {
  const { resource, namespace, name, query } = request;
  const pod = parts.store.get(storageKey(resource), namespace, name);
  if (pod === undefined) throw notFound(resource, name);
  const spec = (pod['spec'] ?? {}) as PodSpec;
  const container = containerOf(name, spec, query.get('container') ?? '');
  if (!spec.nodeName) {
    response.writeHead(204).end();
    return;
  }
  const kubelet = kubeletOf(parts, spec.nodeName);
  const asked = new URLSearchParams();
  for (const parameter of passedOn) {
    const value = query.get(parameter);
    if (value !== null) asked.set(parameter, value);
  }
  const path = `/containerLogs/${namespace}/${name}/${container}?${asked.toString()}`;
  await relay({ ...kubelet, path }, response, credentials);
}

function containerOf(pod: string, spec: PodSpec, asked: string): string {
  const containers = spec.containers ?? [];
  const all = [...(spec.initContainers ?? []), ...containers, ...(spec.ephemeralContainers ?? [])].map((c) => c.name);
  if (asked !== '') {
    if (all.includes(asked)) return asked;
    throw badRequest(`container ${asked} is not valid for pod ${pod}`);
  }
  const [only] = containers;
  if (only !== undefined && containers.length === 1) return only.name;
  const init = (spec.initContainers ?? []).map((c) => c.name);
  const initNote = init.length === 0 ? '' : ` or one of the init containers: [${init.join(' ')}]`;
  const names = containers.map((c) => c.name).join(' ');
  throw badRequest(`a container name must be specified for pod ${pod}, choose one of: [${names}]${initNote}`);
}

function kubeletOf(parts: Parts, nodeName: string): { host: string; port: number } {
  const node = parts.store.get('/nodes', '', nodeName);
  if (node === undefined) throw notFound({ group: '', plural: 'nodes' }, nodeName);
  const status = (node['status'] ?? {}) as {
    addresses?: { type: string; address: string }[];
    daemonEndpoints?: { kubeletEndpoint?: { Port?: number } };
  };
  const host = status.addresses?.find((address) => address.type === 'InternalIP')?.address;
  const port = status.daemonEndpoints?.kubeletEndpoint?.Port;
  if (!host || !port) throw internalError(`no preferred addresses found; known addresses: []`);
  return { host, port };
}

/** Kubernetes by default does not verify a kubelet's serving certificate, and neither does this. */
function relay(
  target: { host: string; port: number; path: string },
  response: ServerResponse,
  credentials: ConnectionOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const upstream = httpsRequest({ ...credentials, ...target, rejectUnauthorized: false, agent: false }, (answer) => {
      clearTimeout(connecting);
      if (answer.statusCode !== 200) {
        void collect(answer).then((text) => reject(refused(answer.statusCode ?? 500, text)), reject);
        return;
      }
      response.writeHead(200, { 'content-type': 'text/plain', 'cache-control': 'no-cache, private' });
      response.flushHeaders();
      answer.pipe(response);
      answer.once('close', resolve);
      answer.once('error', () => response.destroy());
    });
    const connecting = setTimeout(() => upstream.destroy(new Error('i/o timeout')), connectTimeoutMs);
    response.once('close', () => upstream.destroy());
    upstream.once('error', (error) => {
      clearTimeout(connecting);
      if (response.headersSent) resolve();
      else reject(unreachable(target, error));
    });
    upstream.end();
  });
}

async function collect(answer: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function refused(code: number, text: string): ApiFailure {
  const reason = code === 400 ? 'BadRequest' : code === 404 ? 'NotFound' : 'InternalError';
  return new ApiFailure({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: messageOf(text.trim()),
    reason,
    code,
  });
}

/** A kubelet says what is wrong as text or as a Status. */
function messageOf(text: string): string {
  try {
    const { kind, message } = JSON.parse(text) as { kind?: unknown; message?: unknown };
    return kind === 'Status' && typeof message === 'string' ? message : text;
  } catch {
    return text;
  }
}

function unreachable(target: { host: string; port: number; path: string }, error: Error): ApiFailure {
  return internalError(`Get "https://${target.host}:${target.port}${target.path}": ${error.message}`);
}
