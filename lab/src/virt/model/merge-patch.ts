// The JSON merge patch (RFC 7386) that turns one object into another: objects merge, lists are replaced, a vanished field is null.
// Pure. Used to write exactly what a decision changed, so that fields of other writers stay as they are.

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Deep equality of JSON values; an absent field and `undefined` are the same. */
export function sameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((entry, i) => sameJson(entry, b[i]));
  if (!isObject(a) || !isObject(b)) return false;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => sameJson(a[key], b[key]));
}

/** The merge patch from `before` to `after`, or undefined when they are the same. */
export function mergePatch(before: object, after: object): Record<string, unknown> | undefined {
  const from = before as Readonly<Record<string, unknown>>;
  const to = after as Readonly<Record<string, unknown>>;
  const patch: Record<string, unknown> = {};
  for (const key of new Set([...Object.keys(from), ...Object.keys(to)])) {
    const [old, next] = [from[key], to[key]];
    if (sameJson(old, next)) continue;
    if (next === undefined) patch[key] = null;
    else if (isObject(old) && isObject(next)) patch[key] = mergePatch(old, next);
    else patch[key] = next;
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}
