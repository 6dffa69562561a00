// The policy that the machine follows now, from the agent's flags, the cluster's ConfigMap and the machine's Node.
// Promises: read anew with the Node, so that a change needs no restart; while the cluster cannot be asked, what was known last
// stands; of what is wrong nothing is followed: then the machine lends only when both its last good policy and its flags would.

import type { Logger } from 'pino';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { configMaps } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { isNotFound, toKubeError } from '@idlewild/operator/kube/errors.ts';
import { labels } from '@idlewild/operator/model/names.ts';
import { parseDocument, policyBy, termsOfNode, type PolicyDocument } from './policy-document.ts';
import { stricter, type Policy } from './policy.ts';

const policyName = 'idlewild-policy';
const policyKey = 'policy.yaml';
/** The Node is read more often than that when presence changes. */
const readEveryMs = 25_000;
const nothing: PolicyDocument = { default: {}, rooms: {} };

export interface PolicySourceOptions {
  /** What holds where nobody says otherwise. */
  readonly fallback: Policy;
  /** Of the machine, as long as its Node does not say. */
  readonly room: string | undefined;
  readonly namespace: string;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
}

interface ConfigMap {
  readonly metadata: { readonly name: string; readonly resourceVersion?: string };
  readonly data?: Readonly<Record<string, string>>;
}

export class PolicySource {
  readonly #o: PolicySourceOptions;
  #current: Policy;
  /** The last one without any fault. */
  #good: Policy;
  #problem: string | undefined;
  #text: string | undefined;
  #readMs = Number.NEGATIVE_INFINITY;

  constructor(options: PolicySourceOptions) {
    this.#o = options;
    this.#current = this.#good = options.fallback;
  }

  get current(): Policy {
    return this.#current;
  }

  /** What of the cluster's words is wrong, for the owner and the admin. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** @returns whether the machine follows another policy than before. Throws only what aborting `signal` throws. */
  async read(node: Node, signal: AbortSignal): Promise<boolean> {
    const { fallback, room, clock, log } = this.#o;
    if (clock.monotonic() - this.#readMs >= readEveryMs) await this.#fetch(signal);
    const before = JSON.stringify([this.#current, this.#problem]);
    try {
      const cluster = this.#text === undefined ? nothing : await documentOf(this.#text);
      const own = termsOfNode(node);
      this.#good = policyBy(fallback, cluster, node.metadata.labels?.[labels.room] ?? room, own);
      this.#current = this.#good;
      this.#problem = undefined;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#current = stricter(this.#good, fallback);
      this.#problem = `the policy of lending is not followed, but a stricter one: ${why}`;
    }
    if (JSON.stringify([this.#current, this.#problem]) === before) return false;
    if (this.#problem === undefined) log.info({ policy: this.#current }, 'another policy of lending');
    else log.warn({ policy: this.#current }, this.#problem);
    return true;
  }

  async #fetch(signal: AbortSignal): Promise<void> {
    const { client, namespace, clock, log } = this.#o;
    try {
      const map = await client.get<ConfigMap>(configMaps, { namespace, name: policyName }, { signal });
      this.#text = map.data?.[policyKey];
    } catch (error) {
      signal.throwIfAborted();
      if (!isNotFound(error)) {
        log.warn({ err: toKubeError(error).message }, 'the policy of lending could not be read');
        return;
      }
      this.#text = undefined;
    }
    this.#readMs = clock.monotonic();
  }
}

/** The parser is loaded by machines of clusters that have a policy only: it is not small. */
async function documentOf(text: string): Promise<PolicyDocument> {
  const where = `ConfigMap ${policyName}, ${policyKey}`;
  const { parse } = await import('yaml');
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new TypeError(
      `${where}: is not YAML: ${(error instanceof Error ? error.message : String(error)).split('\n')[0]}`,
    );
  }
  return parseDocument(value, where);
}
