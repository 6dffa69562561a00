// Admission webhooks: the stored configurations, called in the order of their names. A mutating hook's patch is applied
// before the next is called; validating hooks are called together. A hook that cannot be reached refuses or is passed over,
// as its failure policy says.

import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import type { ApiFailure } from '../errors/status.ts';
import { failure, internalError, type StatusDetails } from '../errors/status.ts';
import { jsonPatch } from '../patch/json.ts';
import { jsonEqual } from '../patch/json-value.ts';
import type { ApiObject } from '../registry/types.ts';
import type { AdmissionRequest } from '../rest/parts.ts';
import type { Store } from '../storage/store.ts';
import { isCalledFor, type Webhook } from './rules.ts';
import { WebhookConnections, type AdmissionResponse } from './webhook-call.ts';

const group = 'admissionregistration.k8s.io';
const dryRunSafe = ['None', 'NoneOnDryRun'];

export class Webhooks {
  readonly #store: Store;
  readonly #log: Logger;
  readonly #connections = new WebhookConnections();

  constructor(store: Store, log: Logger) {
    this.#store = store;
    this.#log = log;
  }

  /** The object after all mutating hooks; the same object if none changed it. */
  async mutate(request: AdmissionRequest): Promise<ApiObject | undefined> {
    let { object } = request;
    for (const webhook of this.#matching('mutatingwebhookconfigurations', request)) {
      const response = await this.#call(webhook, { ...request, object });
      if (response?.patch === undefined || object === undefined) continue;
      if (response.patchType !== 'JSONPatch') {
        throw internalError(
          `failed calling webhook "${webhook.name}": unsupported patch type ${JSON.stringify(response.patchType)}`,
        );
      }
      const patched = jsonPatch(object, JSON.parse(Buffer.from(response.patch, 'base64').toString())) as ApiObject;
      if (!jsonEqual(patched, object)) object = patched;
    }
    return object;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const webhooks = this.#matching('validatingwebhookconfigurations', request);
    await Promise.all(webhooks.map((webhook) => this.#call(webhook, request)));
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  #matching(plural: string, request: AdmissionRequest): Webhook[] {
    if (request.resource.group === group) return [];
    const configurations = this.#store.list(`${group}/${plural}`);
    if (configurations.length === 0) return [];
    const namespaceObject = this.#store.get('/namespaces', '', request.namespace);
    return configurations
      .flatMap((configuration) => (configuration['webhooks'] ?? []) as Webhook[])
      .filter((webhook) => isCalledFor(webhook, request, namespaceObject));
  }

  /** Undefined if the hook failed and its policy is to be passed over. Throws its refusal. */
  async #call(webhook: Webhook, request: AdmissionRequest): Promise<AdmissionResponse | undefined> {
    if (request.dryRun && !dryRunSafe.includes(webhook.sideEffects ?? '')) {
      throw failure(400, 'BadRequest', `admission webhook "${webhook.name}" does not support dry run`);
    }
    const review = reviewOf(request);
    let response: AdmissionResponse;
    try {
      response = await this.#connections.call(this.#store, webhook, review);
      if (response.uid !== review.request.uid) throw new Error('expected response.uid to be the one of the request');
    } catch (error) {
      const why = describeError(error);
      this.#log.warn({ webhook: webhook.name, error: why }, 'admission webhook failed');
      if (webhook.failurePolicy === 'Ignore') return undefined;
      throw internalError(`failed calling webhook "${webhook.name}": failed to call webhook: ${why}`);
    }
    request.warnings.push(...(response.warnings ?? []));
    if (!response.allowed) throw refusal(webhook.name, response);
    return response;
  }
}

function reviewOf(request: AdmissionRequest): {
  readonly request: { readonly uid: string; readonly [field: string]: unknown };
  readonly [field: string]: unknown;
} {
  const { resource, operation, subresource, namespace, name, object, old, user, dryRun } = request;
  const kind = { group: resource.group, version: resource.version, kind: resource.kind };
  const [objectGroup, objectVersion] = groupAndVersion(object?.apiVersion);
  const own = object?.kind !== undefined && object.kind !== resource.kind;
  const shownKind = own ? { group: objectGroup, version: objectVersion, kind: object.kind } : kind;
  const plural = { group: resource.group, version: resource.version, resource: resource.plural };
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: randomUUID(),
      kind: shownKind,
      resource: plural,
      ...(subresource === '' ? {} : { subResource: subresource }),
      requestKind: shownKind,
      requestResource: plural,
      ...(subresource === '' ? {} : { requestSubResource: subresource }),
      name,
      ...(resource.namespaced ? { namespace } : {}),
      operation,
      userInfo: {
        username: user.name,
        ...(user.uid === undefined ? {} : { uid: user.uid }),
        groups: user.groups,
        ...(user.extra === undefined ? {} : { extra: user.extra }),
      },
      object: object ?? null,
      oldObject: old ?? null,
      dryRun,
      options: null,
    },
  };
}

function groupAndVersion(apiVersion: string | undefined): [string, string] {
  const parts = (apiVersion ?? '').split('/');
  return parts.length === 1 ? ['', parts[0] ?? ''] : [parts[0] ?? '', parts[1] ?? ''];
}

/** The hook's own code, reason and details, with Kubernetes' sentence in front of its message. */
function refusal(name: string, response: AdmissionResponse): ApiFailure {
  const { code, message = '', reason, details } = response.status ?? {};
  const said = message !== '' ? `: ${message}` : reason !== undefined ? `: ${reason}` : ' without explanation';
  const status = code === undefined || code < 400 ? 400 : code;
  return failure(
    status,
    reason,
    `admission webhook "${name}" denied the request${said}`,
    details as StatusDetails | undefined,
  );
}

function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = (error as NodeJS.ErrnoException).code;
  return error.message || code || error.name;
}
