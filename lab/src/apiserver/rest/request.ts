// What a URL and a method ask for: the resource path of Kubernetes taken apart. Pure; does not know which resources are
// served.

export type RequestVerb = 'create' | 'delete' | 'deletecollection' | 'get' | 'list' | 'patch' | 'update' | 'watch';

/** A request for a resource. `plural` may be anything that was asked for. */
export interface ResourceRequest {
  readonly verb: RequestVerb;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** '' outside of a namespace. */
  readonly namespace: string;
  /** '' for the collection. */
  readonly name: string;
  /** '' for the object itself. */
  readonly subresource: string;
  /** What follows the subresource (a proxied path), without a leading slash. */
  readonly rest: string;
}

/** Takes a path such as `/apis/GROUP/VERSION/namespaces/NS/PLURAL/NAME/SUB` apart; undefined if it is not one. */
export function resourceRequest(method: string, path: string, query: URLSearchParams): ResourceRequest | undefined {
  const parts = path.split('/').filter((part) => part !== '');
  let decoded: string[];
  try {
    decoded = parts.map(decodeURIComponent);
  } catch {
    return undefined;
  }
  const [root, ...after] = decoded;
  if (root !== 'api' && root !== 'apis') return undefined;
  const group = root === 'api' ? '' : after.shift();
  const version = after.shift();
  if (group === undefined || version === undefined || after.length === 0) return undefined;

  const target = targetOf(after);
  const verb = verbOf(method, target.name === '', query);
  if (verb === undefined) return undefined;
  return { verb, group, version, ...target };
}

function targetOf(parts: readonly string[]): Omit<ResourceRequest, 'verb' | 'group' | 'version'> {
  // /namespaces/NS/status and /finalize are subresources of the namespace; anything else there is a resource in it.
  const ofNamespace = parts[2] === undefined || parts[2] === 'status' || parts[2] === 'finalize';
  if (parts[0] === 'namespaces' && parts.length >= 2 && !ofNamespace) {
    const [, namespace = '', plural = '', name = '', subresource = '', ...rest] = parts;
    return { plural, namespace, name, subresource, rest: rest.join('/') };
  }
  const [plural = '', name = '', subresource = '', ...rest] = parts;
  return { plural, namespace: plural === 'namespaces' ? name : '', name, subresource, rest: rest.join('/') };
}

function verbOf(method: string, collection: boolean, query: URLSearchParams): RequestVerb | undefined {
  switch (method) {
    case 'GET':
    case 'HEAD': {
      const watch = query.get('watch');
      if (!collection) return 'get';
      return watch !== null && watch !== '0' && watch !== 'false' ? 'watch' : 'list';
    }
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return collection ? 'deletecollection' : 'delete';
    default:
      return undefined;
  }
}
