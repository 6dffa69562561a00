// JSON merge patch (RFC 7386): null removes, objects merge, everything else replaces. Pure; the inputs are kept.

import { copyOf, isObject, type JsonObject } from './json-value.ts';

export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return copyOf(patch);
  const result: JsonObject = isObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = mergePatch(result[key], value);
  }
  return result;
}
