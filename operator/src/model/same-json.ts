// Whether two JSON values say the same.
// Promises: pure; the order of members does not matter; a member that is null or absent says nothing.

export function isSameJson(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  for (const name in left) if (!isSameJson(left[name] ?? undefined, right[name] ?? undefined)) return false;
  for (const name in right) if (right[name] != null && left[name] == null) return false;
  return true;
}
