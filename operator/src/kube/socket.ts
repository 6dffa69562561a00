// A WebSocket to the API server, for the subresources that are streams of bytes in both directions (KubeVirt's vnc and console).
// Promises: a refusal is a KubeError with the server's own words; one that comes to nothing in time is given up.

import { WebSocket } from 'ws';
import { errorFromResponse, KubeError } from './errors.ts';
import type { TransportOptions } from './transport.ts';

/** What KubeVirt's clients call the raw stream; frames are binary. Source: kubevirt, client-go/subresources/constants.go. */
export const plainProtocol = 'plain.kubevirt.io';

const handshakeMs = 15_000;
/** A frame of a screen is far smaller; whoever sends more is not what we think. */
const longestFrame = 16 * 1024 * 1024;
const longestRefusal = 64 * 1024;

/**
 * Resolves once it is open; nothing that the server sends is read before `resume` is called on it.
 * @param path absolute, with its query.
 */
export async function dial(
  options: TransportOptions,
  { path, signal }: { readonly path: string; readonly signal: AbortSignal },
): Promise<WebSocket> {
  const attempted = `dial ${path.split('?')[0]}`;
  const token = typeof options.token === 'function' ? await options.token() : options.token;
  if (signal.aborted) throw new KubeError(`${attempted}: aborted`, { kind: 'aborted' });
  const socket = new WebSocket(new URL(options.server).origin.replace(/^http/, 'ws') + path, [plainProtocol], {
    perMessageDeflate: false,
    handshakeTimeout: handshakeMs,
    maxPayload: longestFrame,
    headers: { 'user-agent': options.userAgent, ...(token ? { authorization: `Bearer ${token}` } : {}) },
    ...(options.ca === undefined ? {} : { ca: options.ca }),
    ...(options.clientCert === undefined ? {} : { cert: options.clientCert }),
    ...(options.clientKey === undefined ? {} : { key: options.clientKey }),
    ...(options.serverName === undefined ? {} : { servername: options.serverName }),
    ...(options.insecureSkipTlsVerify ? { rejectUnauthorized: false } : {}),
  });
  return new Promise((resolve, reject) => {
    const onAbort = (): void => socket.terminate();
    const settled = (): void => signal.removeEventListener('abort', onAbort);
    signal.addEventListener('abort', onAbort, { once: true });
    socket.once('open', () => {
      settled();
      socket.pause();
      resolve(socket);
    });
    socket.once('unexpected-response', (_request, answer) => {
      let body = '';
      answer.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
        if (body.length > longestRefusal) answer.destroy();
      });
      answer.once('close', () => {
        settled();
        socket.terminate();
        reject(errorFromResponse(attempted, answer.statusCode ?? 500, parsed(body), undefined));
      });
    });
    // Stays: an error after the opening is followed by `close`, which whoever uses the socket listens to.
    socket.on('error', (error) => {
      settled();
      reject(
        new KubeError(`${attempted}: ${error.message}`, { kind: signal.aborted ? 'aborted' : 'network', cause: error }),
      );
    });
  });
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
