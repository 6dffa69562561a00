// What a path of the Kubernetes API addresses.
// Promises: the same reading as an API server's for the paths that the operator's client makes.

export interface Route {
  readonly group: string;
  readonly plural: string;
  /** "" for all namespaces, and for what lives in none. */
  readonly namespace: string;
  /** "" for a collection. */
  readonly name: string;
  readonly subresource: string | undefined;
}

/** Undefined for a path that addresses no resource. */
export function routeOf(path: string): Route | undefined {
  const parts = path.split('/');
  const core = parts[1] === 'api';
  if (!core && parts[1] !== 'apis') return undefined;
  const group = core ? '' : (parts[2] ?? '');
  const rest = parts.slice(core ? 3 : 4).map((part) => (part.includes('%') ? decodeURIComponent(part) : part));
  const ofNamespace = rest[0] === 'namespaces' && rest.length > 2 && rest[2] !== 'status' && rest[2] !== 'finalize';
  const [plural = '', name = '', ...below] = ofNamespace ? rest.slice(2) : rest;
  if (plural === '') return undefined;
  const namespace = ofNamespace ? (rest[1] ?? '') : '';
  return { group, plural, namespace, name, subresource: below.length === 0 ? undefined : below.join('/') };
}
