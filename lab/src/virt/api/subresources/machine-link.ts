// The way from virt-api to the handler on an instance's machine: address from the Node, mutual TLS from the lab's PKI.
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import { WebSocket } from 'ws';
import type { Node } from '../../../model/node.ts';
import type { IssuedCertificate } from '../../../pki/pki.ts';
import { badRequest, type Answer } from './answer.ts';

export const HANDLER_PORT_ANNOTATION = 'lab.idlewild.dev/handler-port';
/** The name virt-api shows to machines. */
export const HANDLER_CLIENT = 'kubevirt.io:system:client:virt-handler';
export const CONSOLE_PROTOCOL = 'plain.kubevirt.io';

const ANSWER_TIMEOUT_MS = 10_000;

export interface MachineAddress {
  readonly host: string;
  readonly port: number;
}

export interface LinkCredentials extends IssuedCertificate {
  readonly caPem: string;
}

/** Undefined when no handler has registered there. */
export function addressOf(node: Node | undefined): MachineAddress | undefined {
  const status = node?.status as { addresses?: { type: string; address: string }[] } | undefined;
  const host = status?.addresses?.find((each) => each.type === 'InternalIP')?.address;
  const port = Number(node?.metadata.annotations?.[HANDLER_PORT_ANNOTATION]);
  return host && Number.isInteger(port) && port > 0 ? { host, port } : undefined;
}

/** KubeVirt's refusal when a node has no handler. */
export function noHandler(nodeName: string): Answer {
  return badRequest(`No virt-handler on node ${nodeName} found`);
}

function pathOf(namespace: string, name: string, call: string): string {
  const instance = `/v1/namespaces/${encodeURIComponent(namespace)}/virtualmachineinstances/${encodeURIComponent(name)}`;
  return `${instance}/${call}`;
}

// Machines share one certificate authority and an address; their names say nothing about which of them listens where.
function tlsOf({ caPem, certPem, keyPem }: LinkCredentials) {
  return { ca: caPem, cert: certPem, key: keyPem, checkServerIdentity: () => undefined };
}

/** One request to a machine. Throws Error when it does not answer in 10 s. */
export function ask(
  credentials: LinkCredentials,
  { host, port }: MachineAddress,
  method: string,
  target: { readonly namespace: string; readonly name: string; readonly call: string; readonly query: string },
): Promise<Answer> {
  const path = pathOf(target.namespace, target.name, target.call) + target.query;
  const options: RequestOptions = {
    ...tlsOf(credentials),
    host,
    port,
    path,
    method,
    timeout: ANSWER_TIMEOUT_MS,
    agent: false,
  };
  return new Promise((resolve, reject) => {
    const request = httpsRequest(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const type = response.headers['content-type'];
        resolve({ status: response.statusCode ?? 502, ...(type ? { type } : {}), body: Buffer.concat(chunks) });
      });
    });
    request.once('timeout', () => request.destroy(new Error(`the machine did not answer ${path} in time`)));
    request.once('error', reject);
    request.end();
  });
}

/** Opens a console of a machine; resolves when it is open. Throws Error when the machine refuses, with its status. */
export function openConsole(
  credentials: LinkCredentials,
  { host, port }: MachineAddress,
  target: { readonly namespace: string; readonly name: string; readonly call: string },
): Promise<WebSocket> {
  const url = `wss://${host}:${port}${pathOf(target.namespace, target.name, target.call)}`;
  const socket = new WebSocket(url, [CONSOLE_PROTOCOL], {
    agent: new Agent(tlsOf(credentials)),
    handshakeTimeout: ANSWER_TIMEOUT_MS,
    perMessageDeflate: false,
  });
  // What the guest says first must not be lost while the caller's side is still being opened.
  socket.once('open', () => socket.pause());
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });
}
