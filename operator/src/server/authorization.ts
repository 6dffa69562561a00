// Whether somebody may know: the cluster's own rules decide (SubjectAccessReview), as for kubectl.
// Promises: an answer is believed for ten seconds at most; a question that cannot be answered is a no with 503, never a yes.

import { createHash } from 'node:crypto';
import { computeJobs, subjectAccessReviews, type ResourceType } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import type { User } from './authentication.ts';
import { ExpiringCache } from './expiring-cache.ts';
import { Problem } from './problem.ts';

/** What somebody wants to do, with ComputeJobs unless another resource is named. */
export interface Access {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'patch' | 'delete';
  readonly resource?: Pick<ResourceType, 'group' | 'version' | 'plural'> | undefined;
  readonly subresource?: string | undefined;
  /** Undefined: in all namespaces, or of no namespace. */
  readonly namespace?: string | undefined;
  /** Undefined: any of them. */
  readonly name?: string | undefined;
}

const believedMs = 10_000;
const mostAnswers = 5_000;
const reviewTimeoutMs = 5_000;

export class Authorization {
  readonly #client: KubeClient;
  readonly #clock: Clock;
  readonly #known = new ExpiringCache<Promise<boolean>>({ lifeMs: believedMs, capacity: mostAnswers });

  constructor(client: KubeClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** Throws Problem 403 when they may not, 503 when nobody can tell. */
  async require(user: User, access: Access): Promise<void> {
    if (!(await this.allows(user, access))) throw new Problem(403, `"${user.name}" may not ${inWords(access)}`);
  }

  /** Throws Problem 503 when nobody can tell. */
  async allows(user: User, access: Access): Promise<boolean> {
    const question = JSON.stringify([user, access]);
    const key = createHash('sha256').update(question).digest('base64');
    const now = this.#clock.monotonic();
    let answer = this.#known.get(key, now);
    if (!answer) {
      answer = this.#review(user, access);
      this.#known.set(key, answer, now);
      answer.catch(() => this.#known.delete(key));
    }
    try {
      return await answer;
    } catch (error) {
      throw new Problem(503, 'the API server could not be asked what you may', { cause: error });
    }
  }

  async #review(user: User, access: Access): Promise<boolean> {
    const { verb, resource = computeJobs, subresource, namespace, name } = access;
    const review = {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec: {
        user: user.name,
        groups: user.groups,
        extra: user.extra,
        ...(user.uid === undefined ? {} : { uid: user.uid }),
        resourceAttributes: {
          group: resource.group,
          version: resource.version,
          resource: resource.plural,
          verb,
          ...(subresource === undefined ? {} : { subresource }),
          ...(namespace === undefined ? {} : { namespace }),
          ...(name === undefined ? {} : { name }),
        },
      },
    };
    const signal = AbortSignal.timeout(reviewTimeoutMs);
    const { status } = await this.#client.create<{ readonly status?: { readonly allowed?: boolean } }>(
      subjectAccessReviews,
      review,
      { signal },
    );
    return status?.allowed === true;
  }
}

function inWords({ verb, resource, subresource, namespace, name }: Access): string {
  const where = namespace === undefined ? 'in all namespaces' : `in namespace "${namespace}"`;
  if (resource !== undefined) {
    const what = `${resource.plural}${subresource === undefined ? '' : `/${subresource}`}`;
    return `${verb} ${what}${name === undefined ? '' : ` "${name}"`}${namespace === undefined ? '' : ` ${where}`}`;
  }
  return `${verb} ${name === undefined ? 'ComputeJobs' : `ComputeJob "${name}"`} ${where}`;
}
