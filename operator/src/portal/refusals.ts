// What the API server refuses, as a problem for the one who asked: its own words, and the field where it named one.
// Promises: what went wrong below the API server's answer is told in general words only.

import { toKubeError, type KubeError } from '../kube/errors.ts';
import { Problem, type ProblemParameter } from '../server/problem.ts';

export function problemOf(caught: unknown): Problem {
  if (caught instanceof Problem) return caught;
  const error = toKubeError(caught);
  const detail = error.body?.message ?? error.message;
  switch (error.kind) {
    case 'notFound':
      return new Problem(404, detail);
    case 'conflict':
    case 'alreadyExists':
      return new Problem(409, detail, { parameters: [{ parameter: 'metadata.name', message: detail }] });
    case 'invalid':
      return new Problem(422, detail, { parameters: causesOf(error) });
    case 'badRequest':
      return new Problem(400, detail, { parameters: causesOf(error) });
    case 'forbidden':
      return new Problem(403, detail);
    case 'throttled':
      return new Problem(429, 'the API server is busy; try again in a moment', { headers: { 'retry-after': '1' } });
    case 'gone':
    case 'unauthorized':
    case 'timeout':
    case 'network':
    case 'server':
    case 'aborted':
      return new Problem(503, 'the API server did not answer; try again in a moment', { cause: error });
  }
}

function causesOf({ body }: KubeError): ProblemParameter[] {
  return (body?.details?.causes ?? []).map(({ field, message }) => ({
    parameter: field ?? '',
    message: message ?? 'is not allowed',
  }));
}
