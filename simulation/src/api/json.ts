// JSON values that are frozen and shared: copies in, patches, comparison.
// Promises: nothing here changes its input; what a patch does not touch is the same reference afterwards, so that a change of
// one field costs no more than the objects around it.

export type JsonObject = Readonly<Record<string, unknown>>;

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * What would arrive had the value been sent as JSON: without members that are undefined, and nobody else's to change. What is
 * frozen already came out of here and is taken as it is.
 */
export function plain<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map((item: unknown) => plain(item ?? null))) as T;
  const copy: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(value)) if (member !== undefined) copy[name] = plain(member as unknown);
  return Object.freeze(copy) as T;
}

/** RFC 7396. Equal values keep their reference, so that a patch that changes nothing returns `target` itself. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return equal(target, patch) ? target : plain(patch);
  const before = isObject(target) ? target : undefined;
  let next: Record<string, unknown> | undefined = before ? undefined : {};
  for (const [name, change] of Object.entries(patch)) {
    if (change === undefined) continue;
    const own = before?.[name];
    if (change === null) {
      if (own === undefined) continue;
      next ??= { ...before };
      delete next[name];
      continue;
    }
    const merged = mergePatch(own, change);
    if (merged === own) continue;
    next ??= { ...before };
    next[name] = merged;
  }
  return next === undefined ? target : Object.freeze(next);
}

/** The order of members does not matter; a member that is undefined is an absent one. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, index) => equal(item, b[index]));
  }
  return sameMembers(a as JsonObject, b as JsonObject);
}

function sameMembers(a: JsonObject, b: JsonObject): boolean {
  for (const name of Object.keys(a)) if (!equal(a[name], b[name])) return false;
  for (const name of Object.keys(b)) if (b[name] !== undefined && a[name] === undefined) return false;
  return true;
}
