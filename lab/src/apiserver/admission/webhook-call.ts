// One call of an admission webhook: the AdmissionReview sent and read back over HTTPS, with the hook's own CA and
// timeout. Where a service stands in for a URL it is resolved like an aggregated API's.

import { Agent, request as send } from 'undici';
import { isObject } from '../patch/json-value.ts';
import type { Store } from '../storage/store.ts';
import { serviceEndpoint, tlsOptions, type ServiceEndpoint } from '../aggregation/service.ts';
import type { Webhook, WebhookClientConfig } from './rules.ts';

export interface AdmissionResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: {
    readonly code?: number;
    readonly message?: string;
    readonly reason?: string;
    readonly details?: unknown;
  };
  readonly patch?: string;
  readonly patchType?: string;
  readonly warnings?: readonly string[];
}

const defaultTimeoutSeconds = 10;

/** Connections are kept per authority: a webhook is called for each write of its kinds. */
export class WebhookConnections {
  readonly #agents = new Map<string, Agent>();

  /** Throws an Error that says what failed; the caller's failure policy decides what that means. */
  async call(store: Store, webhook: Webhook, review: unknown): Promise<AdmissionResponse> {
    const config = webhook.clientConfig;
    if (!config.url && config.service === undefined) throw new Error('the webhook has neither url nor service');
    const endpoint = config.service === undefined ? undefined : serviceEndpoint(store, config.service);
    const url = urlOf(config, endpoint);
    const timeout = (webhook.timeoutSeconds ?? defaultTimeoutSeconds) * 1000;
    url.searchParams.set('timeout', `${timeout / 1000}s`);
    const { statusCode, body } = await send(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(review),
      dispatcher: this.#agent(config, endpoint),
      signal: AbortSignal.timeout(timeout),
    });
    const text = await body.text();
    if (statusCode !== 200) throw new Error(`unexpected response code: ${statusCode}: ${text.slice(0, 200)}`);
    return responseOf(JSON.parse(text));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()));
  }

  #agent(config: WebhookClientConfig, endpoint: ServiceEndpoint | undefined): Agent {
    const { caBundle } = config;
    const key = `${endpoint?.serverName ?? ''} ${caBundle ?? ''}`;
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      const ca = caBundle ? { ca: Buffer.from(caBundle, 'base64').toString() } : {};
      const connect = endpoint === undefined ? ca : tlsOptions(endpoint, caBundle);
      agent = new Agent({ connect: connect as NonNullable<Agent.Options['connect']>, keepAliveTimeout: 30_000 });
      this.#agents.set(key, agent);
    }
    return agent;
  }
}

function urlOf(config: WebhookClientConfig, endpoint: ServiceEndpoint | undefined): URL {
  if (endpoint === undefined) return new URL(config.url ?? '');
  const path = config.service?.path ?? '';
  return new URL(`https://${endpoint.host}:${endpoint.port}${path.startsWith('/') ? path : `/${path}`}`);
}

function responseOf(review: unknown): AdmissionResponse {
  const response = isObject(review) ? review['response'] : undefined;
  if (!isObject(response) || typeof response['allowed'] !== 'boolean') throw new Error('webhook response was absent');
  return response as unknown as AdmissionResponse;
}
