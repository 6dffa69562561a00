// For tests: an HTTPS server that answers AdmissionReviews as the test says and remembers what it was asked.

import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Pki } from '../../pki/pki.ts';

export interface Review {
  readonly request: {
    readonly uid: string;
    readonly operation: string;
    readonly subResource?: string;
    readonly kind: { readonly kind: string; readonly version: string };
    readonly requestKind: { readonly version: string };
    readonly object: {
      readonly apiVersion?: string;
      readonly metadata?: { readonly name?: string; readonly labels?: Readonly<Record<string, string>> };
    } | null;
    readonly oldObject: unknown;
    readonly userInfo: { readonly username: string };
  };
}

export interface HookServer {
  readonly port: number;
  /** What was asked since the test emptied it. */
  readonly seen: Review[];
  /** `clientConfig` of a webhook that is answered under the path. */
  clientConfig(path: string): { readonly url: string; readonly caBundle: string };
  stop(): Promise<void>;
}

/** @param answer the response without its uid, by the review and the path that it was sent to */
export async function startHookServer(
  pki: Pki,
  answer: (review: Review, path: string) => Record<string, unknown>,
): Promise<HookServer> {
  const { certPem, keyPem } = await pki.issue('hook', { hosts: ['127.0.0.1', 'hook.shop.svc'] });
  const seen: Review[] = [];
  const server: Server = createServer({ cert: certPem, key: keyPem }, (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString()) as Review;
      seen.push(review);
      const path = new URL(request.url ?? '/', 'https://hook').pathname;
      const body = {
        apiVersion: 'admission.k8s.io/v1',
        kind: 'AdmissionReview',
        response: { uid: review.request.uid, ...answer(review, path) },
      };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(body));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    seen,
    clientConfig: (path) => ({
      url: `https://127.0.0.1:${port}${path}`,
      caBundle: Buffer.from(pki.caPem).toString('base64'),
    }),
    async stop() {
      await new Promise((resolve) => {
        server.close(resolve);
        server.closeAllConnections();
      });
    },
  };
}

/** The response of a mutating hook with a JSON patch. */
export function patching(...operations: readonly unknown[]): Record<string, unknown> {
  return {
    allowed: true,
    patchType: 'JSONPatch',
    patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
  };
}
