// What a program asks of the API server, written down on its way there: each kind of request once, as the authorizer sees it, with
// one example of it and with what was going on when it was asked.
// Promises: passes everything on unchanged. What a request asks of further authorizers is written down, too: KubeVirt's, for
// subresources of two levels, and the plugin that guards owners (OwnerReferencesPermissionEnforcement).

import { KubeError } from '@idlewild/operator/kube/errors.ts';
import type { Transport, TransportRequest } from '@idlewild/operator/kube/transport.ts';
import { routeOf } from '../../simulation/src/api/routes.ts';
import { allows, inWords, type Attributes, type Cell } from './cells.ts';

export interface Asked {
  readonly attributes: Attributes;
  /** What the program was doing. */
  readonly during: string;
  /** Absent where no request of its own is made: another one is judged by it as well. */
  readonly example?: TransportRequest;
}

const verbs = { POST: 'create', PUT: 'update', PATCH: 'patch' } as const;

function verbOf({ method, query }: TransportRequest, name: string): string {
  if (method === 'DELETE') return name === '' ? 'deletecollection' : 'delete';
  if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') return verbs[method];
  if (name !== '') return 'get';
  return query?.['watch'] === true || query?.['watch'] === 'true' ? 'watch' : 'list';
}

/** Of a list, the one object that it selects. */
const selected = (query: TransportRequest['query']): string =>
  /^metadata\.name=([^,]+)$/.exec(String(query?.['fieldSelector'] ?? ''))?.[1] ?? '';

/** What the request has to be allowed; the first is what the API server asks of its own rules. Nothing for what is no resource. */
function attributesOf(request: TransportRequest): readonly Attributes[] {
  const route = routeOf(request.path.split('?')[0] ?? '');
  if (route === undefined) return [];
  const { group, plural, subresource } = route;
  const verb = verbOf(request, route.name);
  const name = route.name === '' ? selected(request.query) : route.name;
  const where = {
    ...(route.namespace === '' ? {} : { namespace: route.namespace }),
    ...(name === '' ? {} : { name }),
  };
  const [first] = (subresource ?? '').split('/');
  const whole = subresource === undefined ? [] : [`${plural}/${subresource}`];
  const levels = first === undefined || first === '' ? [plural] : [...new Set([`${plural}/${first}`, ...whole])];
  const owners = verb === 'create' ? ownersOf(request.body) : [];
  return [
    ...levels.map((resource) => ({ group, resource, verb, ...where })),
    ...owners.map((owner) => ({ ...owner, ...(route.namespace === '' ? {} : { namespace: route.namespace }) })),
  ];
}

/** Who is named as an owner that must wait has to be one whose finalizers the writer may change. */
function ownersOf(body: unknown): Attributes[] {
  const { metadata } = (body ?? {}) as {
    metadata?: {
      ownerReferences?: readonly { apiVersion: string; kind: string; name: string; blockOwnerDeletion?: boolean }[];
    };
  };
  return (metadata?.ownerReferences ?? []).flatMap(({ apiVersion, kind, name, blockOwnerDeletion }) =>
    blockOwnerDeletion === true
      ? [{ group: apiVersion.split('/')[0] ?? '', resource: `${kind.toLowerCase()}s/finalizers`, verb: 'update', name }]
      : [],
  );
}

export class RequestRecord {
  readonly #asked = new Map<string, Asked>();
  /** Told with every request that is written down from now on. */
  during = '';

  get all(): readonly Asked[] {
    return [...this.#asked.values()];
  }

  saw(request: TransportRequest): void {
    for (const [index, attributes] of attributesOf(request).entries()) {
      const key = JSON.stringify(attributes);
      if (this.#asked.has(key)) continue;
      this.#asked.set(key, { attributes, during: this.during, ...(index === 0 ? { example: request } : {}) });
    }
  }

  /** The first request that nothing but this cell allows. */
  needOf(cell: Cell, all: readonly Cell[]): Asked | undefined {
    return this.all.find(
      ({ attributes }) => allows(cell, attributes) && all.filter((each) => allows(each, attributes)).length === 1,
    );
  }

  /** Requests that no cell allows. */
  beyond(all: readonly Cell[]): readonly Attributes[] {
    return this.all.map(({ attributes }) => attributes).filter((asked) => !all.some((cell) => allows(cell, asked)));
  }

  /** @param refused what is not let pass, as the API server would not. */
  on(inner: Transport, refused: (attributes: Attributes) => boolean = () => false): Transport {
    const pass = (request: TransportRequest): void => {
      this.saw(request);
      const [no] = attributesOf(request).filter(refused);
      if (no !== undefined)
        throw new KubeError(`${request.method} ${request.path}: forbidden: the operator cannot ${inWords(no)}`, {
          kind: 'forbidden',
          status: 403,
        });
    };
    const { dial, watch } = inner;
    return {
      server: inner.server,
      close: () => inner.close(),
      request: async (request) => {
        pass(request);
        return inner.request(request);
      },
      stream: async (request) => {
        pass({ method: 'GET', path: request.path, query: request.query });
        return inner.stream(request);
      },
      ...(watch && {
        watch: async (request) => {
          pass({ method: 'GET', path: request.path, query: { ...request.query, watch: true } });
          return watch(request);
        },
      }),
      ...(dial && {
        dial: async (request) => {
          pass({ method: 'GET', path: request.path });
          return dial(request);
        },
      }),
    };
  }
}
