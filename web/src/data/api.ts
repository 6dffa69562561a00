// Calls to the portal's own API, from its own pages.
// Promises: a refusal is a Refusal with the server's words and the fields that they are about; a login that is over is told to the page
// once, wherever it was noticed.

import type { ProblemBody } from '@idlewild/operator/portal/schemas.ts';

export class Refusal extends Error {
  readonly status: number;
  readonly parameters: readonly { readonly parameter: string; readonly message: string }[];

  constructor({ status, detail, parameters = [] }: Pick<ProblemBody, 'status' | 'detail' | 'parameters'>) {
    super(detail);
    this.status = status;
    this.parameters = parameters;
  }
}

type Method = 'GET' | 'POST' | 'PATCH' | 'DELETE';

export async function call<T>(
  method: Method,
  path: string,
  o: { body?: unknown; signal?: AbortSignal } = {},
): Promise<T> {
  const response = await fetch(path, {
    method,
    credentials: 'same-origin',
    headers: { 'x-idlewild': '1', ...(o.body === undefined ? {} : { 'content-type': 'application/json' }) },
    ...(o.body === undefined ? {} : { body: JSON.stringify(o.body) }),
    ...(o.signal === undefined ? {} : { signal: o.signal }),
  });
  if (response.ok) return (response.status === 204 ? undefined : await response.json()) as T;
  const isProblem = response.headers.get('content-type')?.includes('problem+json') === true;
  const problem = isProblem ? ((await response.json()) as ProblemBody) : undefined;
  throw new Refusal(
    problem ?? { status: response.status, detail: `the portal answered with status ${response.status}` },
  );
}

export function jobPath(namespace: string, name: string): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/jobs/${encodeURIComponent(name)}`;
}
