// Whether aggregated APIs answer: asks each service that stands behind an APIService for its resource list, keeps the list
// for discovery and says so in the APIService's Available condition. Local groups are available by definition.

import { request as httpsRequest } from 'node:https';
import { isObject, jsonEqual } from '../patch/json-value.ts';
import type { ApiObject } from '../registry/types.ts';
import { timestamp } from '../rest/metadata.ts';
import { apiServiceKey } from '../rest/crd-sync.ts';
import type { Parts } from '../rest/parts.ts';
import { StaleWrite } from '../storage/store.ts';
import type { FrontProxyIdentity } from './proxy.ts';
import { serviceEndpoint, tlsOptions, type ServiceReference } from './service.ts';

interface Verdict {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

interface Condition extends Verdict {
  readonly type: string;
  readonly lastTransitionTime: string;
}

interface ApiServiceSpec {
  readonly group?: string;
  readonly version?: string;
  readonly service?: ServiceReference | null;
  readonly caBundle?: string;
  readonly insecureSkipTLSVerify?: boolean;
}

export interface Availability {
  /** The APIResourceList that the group version's own server gave; undefined while unknown. */
  resources(group: string, version: string): unknown;
}

const askEveryMs = 10_000;
const askAgainMs = 300;
const askTimeoutMs = 5000;

export function watchAvailability(parts: Parts, identity: FrontProxyIdentity, signal: AbortSignal): Availability {
  const lists = new Map<string, unknown>();
  const { store, registry } = parts;
  let timer: NodeJS.Timeout | undefined;

  const round = async (): Promise<void> => {
    for (const apiService of store.list(apiServiceKey)) {
      const spec = (apiService['spec'] ?? {}) as ApiServiceSpec;
      const key = `${spec.group ?? ''}/${spec.version ?? ''}`;
      const { verdict, list } = await ask(parts, spec, identity);
      if (signal.aborted) return;
      setCondition(parts, apiService.metadata?.name ?? '', verdict);
      if (spec.service && !jsonEqual(lists.get(key), list)) {
        lists.set(key, list);
        registry.setApiServices(store.list(apiServiceKey));
      }
    }
  };
  const schedule = (ms: number): void => {
    clearTimeout(timer);
    if (signal.aborted) return;
    timer = setTimeout(() => {
      void round()
        .catch((error: unknown) => parts.log.error({ error: String(error) }, 'checking aggregated APIs failed'))
        .finally(() => schedule(anyUnavailable(store.list(apiServiceKey)) ? askAgainMs * 5 : askEveryMs));
    }, ms);
    timer.unref();
  };
  store.subscribe(apiServiceKey, (change) => {
    if (!jsonEqual(change.object['spec'], change.previous?.['spec'])) schedule(askAgainMs / 10);
  });
  signal.addEventListener('abort', () => clearTimeout(timer));
  schedule(askAgainMs);
  return { resources: (group, version) => lists.get(`${group}/${version}`) };
}

function anyUnavailable(apiServices: readonly ApiObject[]): boolean {
  return apiServices.some((service) => conditionOf(service)?.status !== 'True');
}

async function ask(
  parts: Parts,
  spec: ApiServiceSpec,
  identity: FrontProxyIdentity,
): Promise<{ verdict: Verdict; list: unknown }> {
  if (!spec.service) {
    return {
      verdict: { status: 'True', reason: 'Local', message: 'Local APIServices are always available' },
      list: undefined,
    };
  }
  try {
    const list = await resourceList(parts, spec, spec.service, identity);
    return { verdict: { status: 'True', reason: 'Passed', message: 'all checks passed' }, list };
  } catch (error) {
    const message = `failing or missing response: ${(error as Error).message}`;
    return { verdict: { status: 'False', reason: 'FailedDiscoveryCheck', message }, list: undefined };
  }
}

function resourceList(
  parts: Parts,
  spec: ApiServiceSpec,
  service: ServiceReference,
  identity: FrontProxyIdentity,
): Promise<unknown> {
  const endpoint = serviceEndpoint(parts.store, service);
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      {
        ...tlsOptions(endpoint, spec.caBundle),
        ...(spec.insecureSkipTLSVerify ? { rejectUnauthorized: false } : {}),
        cert: identity.certPem,
        key: identity.keyPem,
        host: endpoint.host,
        port: endpoint.port,
        path: `/apis/${spec.group ?? ''}/${spec.version ?? ''}`,
        headers: {
          accept: 'application/json',
          'x-remote-user': 'system:kube-aggregator',
          'x-remote-group': 'system:masters',
        },
        agent: false,
        timeout: askTimeoutMs,
      },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('error', reject);
        answer.once('end', () => {
          if (answer.statusCode !== 200)
            return reject(new Error(`bad status from the service: ${answer.statusCode ?? 0}`));
          try {
            const value: unknown = JSON.parse(Buffer.concat(chunks).toString());
            if (isObject(value) && value['kind'] === 'APIResourceList') resolve(value);
            else reject(new Error('the service did not answer an APIResourceList'));
          } catch (error) {
            reject(error as Error);
          }
        });
      },
    );
    request.once('timeout', () => request.destroy(new Error('timeout')));
    request.once('error', reject);
    request.end();
  });
}

function conditionOf(apiService: ApiObject): Condition | undefined {
  const status = (apiService['status'] ?? {}) as { conditions?: Condition[] };
  return status.conditions?.find((condition) => condition.type === 'Available');
}

function setCondition(parts: Parts, name: string, verdict: Verdict): void {
  const stored = parts.store.get(apiServiceKey, '', name);
  if (stored === undefined) return;
  const present = conditionOf(stored);
  if (present?.status === verdict.status && present.reason === verdict.reason && present.message === verdict.message)
    return;
  const since = present?.status === verdict.status ? present.lastTransitionTime : timestamp(parts.clock.now());
  const status = { conditions: [{ type: 'Available', ...verdict, lastTransitionTime: since }] };
  try {
    parts.store.put(apiServiceKey, { ...stored, status }, stored);
  } catch (error) {
    if (!(error instanceof StaleWrite)) throw error;
  }
}
