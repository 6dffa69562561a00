// Keeps one NetworkPolicy in every namespace that has jobs, and answers whether a job can have its network.
// Promises: a namespace counts as isolated only while its policy is there as it has to be; one that was edited or deleted is
// restored, at once the first time and with growing pauses when somebody keeps at it. Policies stay when the last job goes: they
// cost nothing, and guests may outlive their jobs for a while.

import type { ComputeJob } from '../api/compute-job.ts';
import type { Namespace, NetworkPolicy, Node } from '../api/kubernetes.ts';
import { networkPolicies } from '../api/resources.ts';
import type { Deps } from '../deps.ts';
import type { ReconcileContext, Result } from '../kube/controller.ts';
import { isAborted, isAlreadyExists, isNotFound, KubeError } from '../kube/errors.ts';
import { keyOf } from '../kube/object.ts';
import { Pauses } from '../kube/pauses.ts';
import { networkPolicyName } from '../render/network-policy.ts';
import { decideIsolation, type IsolationDecision } from './decide.ts';
import { obstacleOf, type NetworkObstacle } from './obstacle.ts';
import { uncoveredAddresses, type AddressRange } from './ranges.ts';

/** How soon the watch must have told of a policy that the API server has and we do not know. */
const behindMs = 1_000;

interface Judged {
  readonly namespace: Namespace | undefined;
  readonly policy: NetworkPolicy | undefined;
  readonly decision: IsolationDecision;
}

export class Isolation {
  readonly #deps: Pick<Deps, 'client' | 'world' | 'clock' | 'log'>;
  readonly #ranges: readonly AddressRange[];
  readonly #onNews: () => void;
  /** Namespaces that have, or had, a job. */
  readonly #concerned = new Set<string>();
  readonly #judged = new Map<string, Judged>();
  /** By namespace, in words. */
  readonly #failures = new Map<string, string>();
  readonly #restored: Pauses;
  /** Of machines, as they were looked at last. */
  readonly #addresses = new Map<string, string>();

  /** @param onNews told when a job may have its network that could not before, or waits for another reason. */
  constructor(
    deps: Pick<Deps, 'client' | 'world' | 'clock' | 'log'>,
    o: { readonly ranges: readonly AddressRange[]; readonly onNews: () => void },
  ) {
    this.#deps = deps;
    this.#ranges = o.ranges;
    this.#onNews = o.onNews;
    this.#restored = new Pauses(deps.clock, { baseMs: 10_000, maxMs: 600_000 });
  }

  /** @returns whether it is the first job seen in its namespace. */
  sawJob({ metadata: { namespace = '' } }: ComputeJob): boolean {
    if (this.#concerned.has(namespace)) return false;
    this.#concerned.add(namespace);
    return true;
  }

  isConcerned(namespace: string): boolean {
    return this.#concerned.has(namespace);
  }

  forgetNamespace(name: string): void {
    this.#concerned.delete(name);
    this.#judged.delete(name);
    this.#failures.delete(name);
    this.#restored.forget(name);
  }

  /** Says once which of its addresses isolated guests reach, as nobody else would notice. */
  sawMachine(node: Node): void {
    const { name } = node.metadata;
    const own = (node.status?.addresses ?? []).map(({ address }) => address).join();
    if (this.#addresses.get(name) === own) return;
    this.#addresses.set(name, own);
    const addresses = uncoveredAddresses(node, this.#ranges);
    if (addresses.length === 0) return;
    this.#deps.log.warn(
      { machine: name, addresses },
      'isolated guests reach this machine; add its range to --lan-ranges',
    );
  }

  forgetMachine(name: string): void {
    this.#addresses.delete(name);
  }

  /** What keeps the job from starting, as far as its network goes. */
  readonly obstacleOf = (job: ComputeJob): NetworkObstacle | undefined => {
    if (job.spec.network === 'None') return undefined;
    const name = job.metadata.namespace ?? '';
    const { namespace, decision } = this.#judge(name);
    return obstacleOf(job, {
      namespace,
      isolated: decision.kind === 'isolated',
      failure: this.#failures.get(name),
    });
  };

  readonly reconcile = async (name: string, { log }: ReconcileContext): Promise<Result> => {
    if (!this.#concerned.has(name)) return;
    const { decision } = this.#judge(name);
    try {
      switch (decision.kind) {
        case 'isolated':
        case 'nowhere':
          return;
        case 'create':
          await this.#create(decision.policy);
          log.info({ namespace: name }, 'made the network policy of its guests');
          return;
        case 'restore': {
          const left = this.#restored.left(name);
          if (left > 0) return { requeueAfterMs: left };
          this.#restored.next(name);
          await this.#restore(name, decision.patch);
          log.warn(
            { namespace: name, fields: decision.fields },
            'somebody had edited the network policy of its guests',
          );
        }
      }
    } catch (error) {
      return this.#failed(name, error);
    } finally {
      this.#settle(name);
    }
  };

  async #create(policy: NetworkPolicy): Promise<void> {
    const { client, world } = this.#deps;
    world.networkPolicies.wrote(await client.create<NetworkPolicy>(networkPolicies, { ...policy }));
  }

  async #restore(namespace: string, patch: readonly unknown[]): Promise<void> {
    const { client, world } = this.#deps;
    const ref = { namespace, name: networkPolicyName };
    try {
      world.networkPolicies.wrote(await client.jsonPatch<NetworkPolicy>(networkPolicies, ref, patch));
    } catch (error) {
      if (isNotFound(error)) world.networkPolicies.forget(keyOf(ref));
      throw error;
    }
  }

  #failed(name: string, error: unknown): Result {
    if (isAborted(error)) throw error;
    if (isAlreadyExists(error) || isNotFound(error) || isTerminating(error)) return { requeueAfterMs: behindMs };
    const words = error instanceof KubeError ? (error.body?.message ?? error.message) : String(error);
    if (this.#failures.get(name) !== words) {
      this.#failures.set(name, words);
      this.#onNews();
    }
    throw error;
  }

  #settle(name: string): void {
    if (this.#judge(name).decision.kind !== 'isolated') return;
    this.#failures.delete(name);
    this.#onNews();
  }

  /** Asked for every waiting job; worked out again only when the namespace or its policy is another. */
  #judge(name: string): Judged {
    const { world } = this.#deps;
    const namespace = world.informers.namespaces.store.get(name);
    const policy = world.networkPolicies.get(`${name}/${networkPolicyName}`);
    const before = this.#judged.get(name);
    if (before && before.namespace === namespace && before.policy === policy) return before;
    const decision = decideIsolation({ namespace, policy, ranges: this.#ranges });
    const judged = { namespace, policy, decision };
    this.#judged.set(name, judged);
    return judged;
  }
}

/** Kubernetes: staging/src/k8s.io/apiserver/pkg/admission/plugin/namespace/lifecycle. */
function isTerminating(error: unknown): boolean {
  if (!(error instanceof KubeError) || error.kind !== 'forbidden') return false;
  return error.body?.details?.causes?.some(({ reason }) => reason === 'NamespaceTerminating') === true;
}
