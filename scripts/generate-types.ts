// Writes what follows from the CRD, the API's source of truth: the types in operator/src/api/compute-job.ts, the names of its fields
// beside them, and the chart's copy of it. With --check it writes nothing and fails when a committed file differs, so that neither can drift from what the API server
// validates.
import { readFile, writeFile } from 'node:fs/promises';
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { format } from 'prettier';
import { parse } from 'yaml';
import { fieldsOf } from '../operator/src/preflight/fields.ts';

const source = new URL('../crds/idlewild.dev_computejobs.yaml', import.meta.url);
const target = new URL('../operator/src/api/compute-job.ts', import.meta.url);
const fields = new URL('../operator/src/api/compute-job-fields.ts', import.meta.url);
/** Helm reads nothing outside of a chart. */
const copy = new URL('../charts/idlewild/definitions/idlewild.dev_computejobs.yaml', import.meta.url);

interface Crd {
  readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: JsonObject } }[] };
}
type JsonObject = { [key: string]: unknown };

/**
 * Closes every object (the API server prunes what the schema does not name), makes a field with a default required (the API
 * server fills it in) and drops what only Kubernetes reads.
 */
function forTypeScript(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(forTypeScript);
  if (typeof schema !== 'object' || schema === null) return schema;
  const out: JsonObject = {};
  for (const [key, value] of Object.entries(schema)) {
    if (key.startsWith('x-kubernetes-') || key === 'default' || key === 'maxItems' || key === 'minItems') continue;
    out[key] = forTypeScript(value);
  }
  if (out.type === 'object' && out.properties !== undefined) {
    out.additionalProperties = false;
    out.required = [
      ...new Set([...((out.required as string[] | undefined) ?? []), ...defaulted(schema as JsonObject)]),
    ];
  }
  return out;
}

function defaulted(schema: JsonObject): string[] {
  const properties = Object.entries(schema.properties as Record<string, JsonObject>);
  return properties.filter(([, property]) => property.default !== undefined).map(([name]) => name);
}

async function readSchema(): Promise<JsonObject> {
  const crd = parse(await readFile(source, 'utf8')) as Crd;
  const root = crd.spec.versions[0]?.schema.openAPIV3Schema;
  if (root === undefined) throw new Error(`${source.pathname} has no version`);
  return root;
}

/** So that an operator can tell whether the definition in a cluster is older than itself. */
async function namesOfFields(): Promise<string> {
  const text = [
    '// Generated from crds/idlewild.dev_computejobs.yaml by `npm run generate`. Do not edit.',
    '',
    '/** Every field below spec and status, and `path=value` for each word that a field may hold. */',
    `export const computeJobFields: readonly string[] = ${JSON.stringify(fieldsOf(await readSchema()))};`,
  ].join('\n');
  return format(text, { parser: 'typescript', singleQuote: true, printWidth: 120 });
}

async function generate(): Promise<string> {
  const root = await readSchema();
  const { spec, status } = root.properties as JsonObject;
  const schema = {
    type: 'object',
    title: 'ComputeJobFields',
    additionalProperties: false,
    required: ['spec'],
    properties: { spec, status },
  };
  const types = await compile(forTypeScript(schema) as JSONSchema, 'ComputeJobFields', {
    bannerComment: '// Generated from crds/idlewild.dev_computejobs.yaml by `npm run generate`. Do not edit.',
    style: { singleQuote: true, printWidth: 120 },
  });
  return [
    types.trimEnd(),
    '',
    "import type { KubeObject } from '../kube/object.ts';",
    '',
    "export type ComputeJobSpec = ComputeJobFields['spec'];",
    "export type ComputeJobStatus = NonNullable<ComputeJobFields['status']>;",
    '/** A ComputeJob as the API server stores it: defaults filled in, unknown fields pruned. */',
    'export type ComputeJob = KubeObject & ComputeJobFields;',
    '',
  ].join('\n');
}

const wanted = new Map([
  [target, await generate()],
  [fields, await namesOfFields()],
  [copy, await readFile(source, 'utf8')],
]);
for (const [file, content] of wanted) {
  if (!process.argv.includes('--check')) {
    await writeFile(file, content);
    console.log(`wrote ${file.pathname}`);
  } else if ((await readFile(file, 'utf8').catch(() => '')) !== content) {
    console.error(`${file.pathname} does not match crds/: run \`npm run generate\` and commit the result.`);
    process.exitCode = 1;
  }
}
