// Schemas of the built-in kinds, derived at start from the declarations of the `kubernetes-types` package: member names,
// types, which are required, and the doc comments that `kubectl explain` shows. The declarations are generated and
// regular, so lines are read, not a syntax tree. What declarations cannot say (merge keys, defaults) is in overrides.ts.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Schema } from '../registry/types.ts';

/** Definitions by name, e.g. `io.k8s.api.core.v1.Pod`. References are shared objects, so the graph may have cycles. */
export type Definitions = ReadonlyMap<string, Schema>;

/** Which definition a schema stands for: definitions themselves, and the copies that fields carry. */
const definitionNames = new WeakMap<Schema, string>();

export function definitionNameOf(schema: Schema): string | undefined {
  return definitionNames.get(schema);
}

/** Gives a hand-written schema its definition name, and returns it. */
export function nameDefinition(schema: Schema, name: string): Schema {
  definitionNames.set(schema, name);
  return schema;
}

interface Declaration {
  readonly name: string;
  readonly file: string;
  readonly schema: Schema;
  readonly fields: readonly Field[];
}

interface Field {
  readonly name: string;
  readonly type: string;
  readonly optional: boolean;
  readonly description: string;
}

const prefixes: Readonly<Record<string, string>> = {
  meta: 'io.k8s.apimachinery.pkg.apis.meta.',
  api: 'io.k8s.apimachinery.pkg.api.',
  apiextensions: 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.',
  runtime: 'io.k8s.apimachinery.pkg.',
};

/** `core/v1` + `Pod` -> `io.k8s.api.core.v1.Pod` */
function definitionName(file: string, name: string): string {
  const [folder = '', version] = file.split('/');
  return version === undefined
    ? `${prefixes[folder] ?? ''}${folder}.${name}`
    : `${prefixes[folder] ?? `io.k8s.api.${folder}.`}${version}.${name}`;
}

function readDeclarations(file: string, text: string): Declaration[] {
  const declarations: Declaration[] = [];
  let comment = '';
  let fields: Field[] = [];
  let current: { name: string; description: string } | undefined;
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const line = lines[at] ?? '';
    const opened = /^\s*\/\*\*(.*)$/.exec(line);
    if (opened) {
      const parts = [opened[1] ?? ''];
      while (!(lines[at] ?? '').trimEnd().endsWith('*/')) parts.push((lines[++at] ?? '').replace(/^\s*\*\s?/, ''));
      comment = parts
        .join('\n')
        .replace(/\*?\/\s*$/, '')
        .replace(/\*$/, '')
        .trim();
      continue;
    }
    const start = /^export interface (\w+) \{/.exec(line);
    if (start?.[1] !== undefined) {
      current = { name: start[1], description: comment };
      fields = [];
    } else if (current && /^\}/.test(line)) {
      const schema: Schema = { type: 'object', description: current.description, properties: {} };
      declarations.push({ name: current.name, file, schema, fields });
      current = undefined;
    } else if (current) {
      const field = /^    (?:readonly )?"?([\w$-]+)"?(\??): (.*)$/.exec(line);
      if (field?.[1] === undefined && !/^ {4}\};$/.test(line)) {
        throw new Error(`${file}.d.ts:${at + 1}: cannot read "${line}"`);
      }
      if (field?.[1] !== undefined) {
        let type = (field[3] ?? '').replace(/;$/, '');
        if (type === '{') {
          const values = /\[name: string\]: (.*);/.exec(lines[++at] ?? '')?.[1] ?? 'string';
          type = `Map<${values}>`;
        }
        fields.push({ name: field[1], type, optional: field[2] === '?', description: comment });
      }
    }
    comment = '';
  }
  return declarations;
}

/** The schema of a type expression; `resolve` finds a declared interface seen from the file. */
function schemaOf(type: string, resolve: (name: string) => Schema | undefined): Schema {
  const array = /^Array<(.*)>$/.exec(type)?.[1] ?? /^(\w+)\[\]$/.exec(type)?.[1];
  if (array !== undefined) return { type: 'array', items: schemaOf(array, resolve) };
  const map = /^Map<(.*)>$/.exec(type)?.[1];
  if (map !== undefined) return { type: 'object', additionalProperties: schemaOf(map, resolve) };
  if (type.startsWith('"')) return { type: 'string' };
  switch (type) {
    case 'string':
      return { type: 'string' };
    case 'boolean':
      return { type: 'boolean' };
    case 'number':
      return { type: 'integer' };
    case 'number | string':
      return { 'x-kubernetes-int-or-string': true };
    case 'Quantity':
      return { 'x-kubernetes-int-or-string': true, format: 'quantity' };
    case 'Time':
      return { type: 'string', format: 'date-time', nullable: true };
    case 'MicroTime':
      return { type: 'string', format: 'micro-time', nullable: true };
    default:
      return resolve(type) ?? { 'x-kubernetes-preserve-unknown-fields': true };
  }
}

/** Types that stand for any JSON: their members are not in the declarations. */
const open = new Set(['RawExtension', 'FieldsV1', 'JSON', 'JSONSchemaProps', 'Patch']);

/** Reads the declarations of the files (`core/v1`, `meta/v1`, ...) and links them. */
export function loadDefinitions(files: readonly string[]): Definitions {
  const root = dirname(createRequire(import.meta.url).resolve('kubernetes-types/package.json'));
  const byFile = new Map(
    files.map((file) => [file, readDeclarations(file, readFileSync(join(root, `${file}.d.ts`), 'utf8'))]),
  );
  const definitions = new Map<string, Schema>();
  for (const [file, declarations] of byFile) {
    for (const declaration of declarations) {
      const name = definitionName(file, declaration.name);
      definitions.set(name, declaration.schema);
      definitionNames.set(declaration.schema, name);
    }
  }
  const visible = (file: string, name: string): Schema | undefined => {
    if (open.has(name)) return { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
    return (
      definitions.get(definitionName(file, name)) ??
      files.map((other) => definitions.get(definitionName(other, name))).find(Boolean)
    );
  };
  const all = [...byFile.values()].flat();
  for (const { schema, fields } of all) {
    const required = fields.filter((field) => !field.optional).map((field) => field.name);
    if (required.length > 0) schema.required = required;
  }
  for (const declaration of all) link(declaration, (name) => visible(declaration.file, name));
  return definitions;
}

function link(declaration: Declaration, resolve: (name: string) => Schema | undefined): void {
  const { schema, fields } = declaration;
  if (open.has(declaration.name)) schema['x-kubernetes-preserve-unknown-fields'] = true;
  for (const field of fields) {
    if (field.name === '$ref' || field.name === '$schema') continue;
    const target = schemaOf(field.type, resolve);
    const name = definitionNames.get(target);
    const copy: Schema = { ...target, description: field.description };
    if (name !== undefined) definitionNames.set(copy, name);
    schema.properties = Object.assign(schema.properties ?? {}, { [field.name]: copy });
  }
}
