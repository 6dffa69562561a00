// Writes the table of values in the chart's README out of values.schema.json, which says what each is for, and values.yaml, which says
// what it is unless one says otherwise. A test fails
// when the table differs.

import { readFile, writeFile } from 'node:fs/promises';
import { format } from 'prettier';
import { parse } from 'yaml';

const chart = new URL('../charts/idlewild/', import.meta.url);
const begin = '<!-- values -->';
const end = '<!-- /values -->';

export interface Schema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
}
interface ValueRow {
  /** Such as `operator.replicas`; NAME stands for a key that the reader chooses. */
  readonly path: string;
  readonly initial: unknown;
  readonly description: string | undefined;
}

/** A row for each value that the schema names, in its order; what it leaves open, such as a pod's tolerations, is one value. */
export function valueRows(schema: Schema, values: unknown, path = ''): readonly ValueRow[] {
  const below = Object.entries(schema.properties ?? {});
  const any = schema.additionalProperties;
  if (below.length === 0 && typeof any === 'object')
    return valueRows(any, Object.values(values as object)[0], `${path}.NAME`);
  if (below.length === 0) return [{ path, initial: values, description: schema.description }];
  return below.flatMap(([name, each]) => {
    const of = (values as Record<string, unknown> | undefined)?.[name];
    // What Helm gives by itself.
    if (path === '' && name === 'global') return [];
    return valueRows(each, of, path === '' ? name : `${path}.${name}`);
  });
}

function tableOf(rows: readonly ValueRow[]): string {
  const lines = rows.map(({ path, initial, description }) => {
    const shown = JSON.stringify(initial);
    const brief = shown.length > 48 ? 'see values.yaml' : `\`${shown}\``;
    return `| \`${path}\` | ${brief} | ${description ?? ''} |`;
  });
  return ['| Value | Unless given | What it is |', '| --- | --- | --- |', ...lines].join('\n');
}

/** The README's text with the table as it should be. @throws when it has no place for it. */
export async function withTable(readme: string, schema: Schema, values: unknown): Promise<string> {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the README has no ${begin} followed by ${end}`);
  const table = tableOf(valueRows(schema, values));
  const text = `${readme.slice(0, from)}${begin}\n\n${table}\n\n${readme.slice(to)}`;
  return format(text, { parser: 'markdown', singleQuote: true, printWidth: 120 });
}

if (import.meta.main) {
  const read = (name: string): Promise<string> => readFile(new URL(name, chart), 'utf8');
  const schema = JSON.parse(await read('values.schema.json')) as Schema;
  const text = await withTable(await read('README.md'), schema, parse(await read('values.yaml')));
  await writeFile(new URL('README.md', chart), text);
}
