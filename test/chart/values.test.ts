// That values.yaml, values.schema.json and the README tell of the same values.

import { describe, expect, it } from '@jest/globals';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { taints } from '@idlewild/operator/model/names.ts';
import { parse } from 'yaml';
import { valueRows, withTable, type Schema } from '../../scripts/chart-values.ts';
import { chartDir } from './chart.ts';

const read = (name: string): Promise<string> => readFile(join(chartDir, name), 'utf8');
const schema = JSON.parse(await read('values.schema.json')) as Schema;
const values: unknown = parse(await read('values.yaml'));
const rows = valueRows(schema, values);

/** Paths down to what is no map, or an empty one. */
function leaves(value: unknown, path: readonly string[] = []): readonly string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path.join('.')];
  const below = Object.entries(value);
  return below.length === 0 ? [path.join('.')] : below.flatMap(([name, each]) => leaves(each, [...path, name]));
}

describe('the values of the chart', () => {
  it('are all in the schema', () => {
    const named = rows.map(({ path }) => path.replace('agent.groups.NAME', 'agent.groups.desktop'));
    const covered = (leaf: string): boolean => named.some((path) => leaf === path || leaf.startsWith(`${path}.`));
    expect(leaves(values).filter((leaf) => !covered(leaf))).toEqual([]);
  });

  it('have each something that holds unless one says otherwise, and a description that is a sentence', () => {
    expect(rows.length).toBeGreaterThan(70);
    expect(rows.filter(({ initial }) => initial === undefined)).toEqual([]);
    expect(rows.filter(({ description = '' }) => !/^[`A-Z].*\.$/.test(description))).toEqual([]);
  });

  it("let an agent start on a machine with any taint of Idlewild, the operator's or an admin's", () => {
    const { tolerations } = (values as { agent: { tolerations: { key: string; operator: string }[] } }).agent;
    expect(tolerations.map(({ key }) => key).sort()).toEqual(Object.values(taints).sort());
    expect(new Set(tolerations.map(({ operator }) => operator))).toEqual(new Set(['Exists']));
  });

  it('are in the table of the README as they are; `npm run generate` writes it', async () => {
    const readme = await read('README.md');
    expect(readme).toBe(await withTable(readme, schema, values));
  });
});
