// Admission webhooks: the stored configurations, called in the order of their names. A mutating hook's patch is applied
// before the next is called; validating hooks are called together. A hook that cannot be reached refuses or is passed over,
// as its failure policy says.

import type { Logger } from 'pino';
import { matchOutcome } from '../cel/match-conditions.ts';
import type { ApiFailure } from '../errors/status.ts';
import { failure, internalError, type StatusDetails } from '../errors/status.ts';
import { jsonPatch } from '../patch/json.ts';
import { jsonEqual } from '../patch/json-value.ts';
import type { ApiObject, Registry, ServedResource } from '../registry/types.ts';
import type { AdmissionRequest } from '../rest/parts.ts';
import type { Store } from '../storage/store.ts';
import { converted, reviewOf } from './review.ts';
import { calledAs, type Webhook } from './rules.ts';
import { WebhookConnections, type AdmissionResponse } from './webhook-call.ts';

const group = 'admissionregistration.k8s.io';
const dryRunSafe = ['None', 'NoneOnDryRun'];

/** A hook that is asked, and the version in which it sees the object. */
interface Call {
  readonly webhook: Webhook;
  readonly as: ServedResource;
}

export class Webhooks {
  readonly #store: Store;
  readonly #registry: Registry;
  readonly #log: Logger;
  readonly #connections = new WebhookConnections();

  constructor(store: Store, registry: Registry, log: Logger) {
    this.#store = store;
    this.#registry = registry;
    this.#log = log;
  }

  /** The object after all mutating hooks; the same object if none changed it. */
  async mutate(request: AdmissionRequest): Promise<ApiObject | undefined> {
    let { object } = request;
    const earlier: Call[] = [];
    const again = new Set<Call>();
    for (const call of this.#matching('mutatingwebhookconfigurations', request)) {
      const before = object;
      object = await this.#mutateBy(call, request, object);
      // Hooks that wish so see what a later one changed, once.
      if (object !== before) for (const other of earlier) again.add(other);
      if (call.webhook.reinvocationPolicy === 'IfNeeded') earlier.push(call);
    }
    for (const call of again) object = await this.#mutateBy(call, request, object);
    return object;
  }

  async validate(request: AdmissionRequest): Promise<void> {
    const calls = this.#matching('validatingwebhookconfigurations', request);
    await Promise.all(calls.map((call) => this.#ask(call, request)));
  }

  async close(): Promise<void> {
    await this.#connections.close();
  }

  async #mutateBy(
    call: Call,
    request: AdmissionRequest,
    object: ApiObject | undefined,
  ): Promise<ApiObject | undefined> {
    const { webhook, as } = call;
    const response = await this.#ask(call, { ...request, object });
    if (response?.patch === undefined || object === undefined) return object;
    if (response.patchType !== 'JSONPatch') {
      throw internalError(
        `failed calling webhook "${webhook.name}": unsupported patch type ${JSON.stringify(response.patchType)}`,
      );
    }
    const operations: unknown = JSON.parse(Buffer.from(response.patch, 'base64').toString());
    const seen = converted(object, request.resource, as);
    const patched = converted(jsonPatch(seen, operations) as ApiObject, as, request.resource);
    return patched === undefined || jsonEqual(patched, object) ? object : patched;
  }

  #matching(plural: string, request: AdmissionRequest): Call[] {
    const { resource } = request;
    if (resource.group === group) return [];
    const configurations = this.#store.list(`${group}/${plural}`);
    if (configurations.length === 0) return [];
    const namespaceObject = this.#store.get('/namespaces', '', request.namespace);
    const others = this.#registry
      .versionsOf(resource.group, resource.plural)
      .filter(({ version }) => version !== resource.version);
    return configurations
      .flatMap((configuration) => (configuration['webhooks'] ?? []) as Webhook[])
      .flatMap((webhook) => {
        const as = calledAs(webhook, request, others, namespaceObject);
        return as === undefined ? [] : [{ webhook, as }];
      });
  }

  /** Undefined if the hook was not asked or failed and its policy is to be passed over. Throws its refusal. */
  async #ask({ webhook, as }: Call, request: AdmissionRequest): Promise<AdmissionResponse | undefined> {
    const object = converted(request.object, request.resource, as);
    const old = converted(request.old, request.resource, as);
    const review = reviewOf({ ...request, object, old }, as);
    const outcome = matchOutcome(webhook.matchConditions ?? [], {
      schema: as.schema,
      object,
      oldObject: old,
      request: review.request,
    });
    if (outcome === 'differs') return undefined;
    if (outcome !== 'matches') {
      if (webhook.failurePolicy === 'Ignore') return undefined;
      throw internalError(`failed calling webhook "${webhook.name}": ${outcome.error}`);
    }
    if (request.dryRun && !dryRunSafe.includes(webhook.sideEffects ?? '')) {
      throw failure(400, 'BadRequest', `admission webhook "${webhook.name}" does not support dry run`);
    }
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
