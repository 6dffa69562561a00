// JSON Patch (RFC 6902) on frozen values.
// Promises: all operations or none; a failed `test` and a path that leads nowhere are told apart from a patch that is none.

import { equal, isObject, plain } from './json.ts';

/** The patch is well formed and cannot be carried out on this object. */
export class PatchFailed extends Error {
  override readonly name = 'PatchFailed';
}

interface Operation {
  readonly op: string;
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

export function jsonPatch(target: unknown, operations: readonly unknown[]): unknown {
  return operations.reduce((value, operation) => apply(value, operation as Operation), target);
}

function apply(root: unknown, { op, path, from = '', value }: Operation): unknown {
  switch (op) {
    case 'add':
      return put(root, stepsOf(path), plain(value), 'add');
    case 'replace':
      return put(root, stepsOf(path), plain(value), 'replace');
    case 'remove':
      return put(root, stepsOf(path), undefined, 'remove');
    case 'copy':
      return put(root, stepsOf(path), read(root, stepsOf(from)), 'add');
    case 'move': {
      const moved = read(root, stepsOf(from));
      return put(put(root, stepsOf(from), undefined, 'remove'), stepsOf(path), moved, 'add');
    }
    case 'test':
      if (!equal(read(root, stepsOf(path)), value)) throw new PatchFailed(`testing path ${path} failed`);
      return root;
    default:
      throw new PatchFailed(`operation "${op}" is none of add, replace, remove, copy, move and test`);
  }
}

function stepsOf(path: string): string[] {
  if (path === '') return [];
  return path
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function read(value: unknown, steps: readonly string[]): unknown {
  return steps.reduce((at, step) => {
    if (Array.isArray(at)) return at[Number(step)] as unknown;
    return isObject(at) ? at[step] : undefined;
  }, value);
}

type How = 'add' | 'replace' | 'remove';

function put(at: unknown, [step, ...rest]: readonly string[], value: unknown, how: How): unknown {
  if (step === undefined) return value;
  if (Array.isArray(at)) {
    const items = [...(at as unknown[])];
    const index = step === '-' ? items.length : Number(step);
    if (!(index >= 0) || index > items.length - (how === 'add' && rest.length === 0 ? 0 : 1)) throw nowhere(step);
    if (rest.length > 0) items[index] = put(items[index], rest, value, how);
    else if (how === 'remove') items.splice(index, 1);
    else items.splice(index, how === 'add' ? 0 : 1, value);
    return Object.freeze(items);
  }
  if (!isObject(at)) throw nowhere(step);
  if ((rest.length > 0 || how !== 'add') && at[step] === undefined) throw nowhere(step);
  const next: Record<string, unknown> = { ...at };
  if (rest.length > 0) next[step] = put(at[step], rest, value, how);
  else if (how === 'remove') delete next[step];
  else next[step] = value;
  return Object.freeze(next);
}

function nowhere(step: string): PatchFailed {
  return new PatchFailed(`there is no "${step}" to change`);
}
