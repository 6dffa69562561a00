// JSON patch (RFC 6902). Pure; the target is kept. A patch that cannot be applied is told apart from one that is no
// patch at all, because Kubernetes answers 422 to the one and 400 to the other.

import { applyPatch, type Operation } from 'rfc6902';
import { failure, badRequest, type ApiFailure } from '../errors/status.ts';
import { copyOf, isObject } from './json-value.ts';

const operations = ['add', 'remove', 'replace', 'move', 'copy', 'test'];
const mostOperations = 10_000;

export function jsonPatch(target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) {
    throw badRequest('error decoding patch: json: cannot unmarshal object into Go value of type jsonpatch.Patch');
  }
  if (patch.length > mostOperations) {
    throw failure(
      413,
      'RequestEntityTooLarge',
      `The allowed maximum operations in a JSON patch is ${mostOperations}, got ${patch.length}`,
    );
  }
  for (const operation of patch) {
    if (
      !isObject(operation) ||
      !operations.includes(String(operation['op'])) ||
      typeof operation['path'] !== 'string'
    ) {
      throw rejected();
    }
  }
  const result = { root: copyOf(target) };
  const moved = (patch as Operation[]).map((operation) => underRoot(operation));
  const errors = applyPatch(result, moved);
  if (errors.some((error) => error !== null)) throw rejected();
  return result.root;
}

/** rfc6902 cannot replace the whole document in place, so the document hangs below a member. */
function underRoot(operation: Operation): Operation {
  const moved = { ...operation, path: `/root${operation.path}` };
  return 'from' in moved ? { ...moved, from: `/root${moved.from}` } : moved;
}

function rejected(): ApiFailure {
  return failure(422, 'Invalid', 'the server rejected our request due to an error in our request', {});
}
