// Which fields and words a definition knows, as a list that two versions of it can be compared by. Pure.

import type { Schema } from './facts.ts';

/** Paths of all fields, and `path=value` for each word that a field may hold; only what is below spec and status. */
export function fieldsOf(schema: Schema, path = ''): string[] {
  const below = Object.entries(schema.properties ?? {}).filter(
    ([name]) => path !== '' || name === 'spec' || name === 'status',
  );
  return [
    ...(schema.enum ?? []).map((value) => `${path}=${String(value)}`),
    ...(schema.items ? fieldsOf(schema.items, `${path}[]`) : []),
    ...below.flatMap(([name, each]) => {
      const own = path === '' ? name : `${path}.${name}`;
      return [own, ...fieldsOf(each, own)];
    }),
  ];
}
