// Which namespaces' jobs somebody may list, and what else they may do there: the cluster's own rules, asked and remembered briefly.
// Promises: a namespace that may not be listed is not even named; what cannot be asked is an error and never a yes.

import { computeJobs, nodes } from '../api/resources.ts';
import type { User } from '../server/authentication.ts';
import type { Authorization } from '../server/authorization.ts';
import type { Me, NamespaceAccess } from './schemas.ts';

/** Undefined: all of them. */
export type Visible = ReadonlySet<string> | undefined;

export class Visibility {
  readonly #authorization: Authorization;
  readonly #namespaces: () => readonly string[];
  readonly #lab: boolean;

  /** @param o.lab whether the machines have switches that the portal can turn. */
  constructor(
    authorization: Authorization,
    o: { readonly namespaces: () => readonly string[]; readonly lab: boolean },
  ) {
    this.#authorization = authorization;
    this.#namespaces = o.namespaces;
    this.#lab = o.lab;
  }

  async jobs(user: User): Promise<Visible> {
    if (await this.#authorization.allows(user, { verb: 'list' })) return undefined;
    const names = this.#namespaces();
    const may = await Promise.all(
      names.map((namespace) => this.#authorization.allows(user, { verb: 'list', namespace })),
    );
    return new Set(names.filter((_, index) => may[index]));
  }

  /** Of every namespace that they see or may submit to. */
  async namespaces(user: User): Promise<NamespaceAccess[]> {
    const visible = await this.jobs(user);
    const found = await Promise.all(
      this.#namespaces().map(async (namespace) => {
        const may = (verb: 'create' | 'patch' | 'delete') =>
          this.#authorization.allows(user, { verb, namespace, resource: computeJobs });
        const [create, stop, remove] = await Promise.all([may('create'), may('patch'), may('delete')]);
        const seen = visible === undefined || visible.has(namespace);
        return seen || create ? [{ name: namespace, create, stop, delete: remove }] : [];
      }),
    );
    return found.flat().sort((a, b) => a.name.localeCompare(b.name));
  }

  async machines(user: User): Promise<Me['machines']> {
    const may = (verb: 'list' | 'patch') => this.#authorization.allows(user, { verb, resource: nodes });
    const [list, change] = await Promise.all([may('list'), may('patch')]);
    return { list, change, switches: list && change && this.#lab };
  }
}

export function sees(visible: Visible, namespace: string): boolean {
  return visible === undefined || visible.has(namespace);
}

export function sameVisible(a: Visible, b: Visible): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.size === b.size && [...a].every((namespace) => b.has(namespace));
}
