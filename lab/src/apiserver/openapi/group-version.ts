// The OpenAPI v3 document of one group version: its kinds with everything they refer to, and its paths with the
// parameters and media types by which kubectl learns what a resource can do.
import { definition, definitions } from '../builtin/definitions.ts';
import { definitionNameOf } from '../builtin/type-definitions.ts';
import { serverVersion } from '../discovery/version.ts';
import type { ServedResource, Verb } from '../registry/types.ts';
import { refer, writeDefinitions, writeSchema } from './schema-document.ts';
import type { SchemaWriter } from './schema-document.ts';

const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1';

/** `io.k8s.api.core.v1.Pod` for built-in kinds, `dev.example.v1.Widget` for custom ones. */
function componentName(resource: ServedResource): string {
  return (
    definitionNameOf(resource.schema) ??
    [...resource.group.split('.').reverse(), resource.version, resource.kind].join('.')
  );
}

function groupVersionKind(resource: ServedResource): { group: string; version: string; kind: string } {
  return { group: resource.group, version: resource.version, kind: resource.kind };
}

/** Adds the kind and its list to the writer's definitions, with the kind that each stands for. */
export function writeKinds(writer: SchemaWriter, resources: readonly ServedResource[]): Record<string, unknown> {
  const own: Record<string, unknown> = {};
  for (const resource of resources) {
    const name = componentName(resource);
    own[name] = {
      ...writeSchema(writer, resource.schema),
      'x-kubernetes-group-version-kind': [groupVersionKind(resource)],
    };
    if (!resource.verbs.includes('list')) continue;
    const items = { type: 'array', items: { $ref: writer.prefix + name } };
    const metadata = { allOf: [refer(writer, `${meta}.ListMeta`, definition(`${meta}.ListMeta`))] };
    own[`${name}List`] = {
      type: 'object',
      description: `${resource.listKind} is a list of ${resource.kind}`,
      required: ['items'],
      properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata, items },
      'x-kubernetes-group-version-kind': [{ ...groupVersionKind(resource), kind: resource.listKind }],
    };
  }
  refer(writer, `${meta}.DeleteOptions`, definition(`${meta}.DeleteOptions`));
  refer(writer, `${meta}.Status`, definition(`${meta}.Status`));
  const others = writeDefinitions(writer, (name) => definitions.get(name));
  return {
    ...others,
    [`${meta}.Patch`]: { type: 'object', description: 'A change to an object, in one of the patch formats.' },
    ...own,
  };
}

export function groupVersionDocument(resources: readonly ServedResource[]): Record<string, unknown> {
  const writer: SchemaWriter = { prefix: '#/components/schemas/', referred: new Map() };
  const schemas = writeKinds(writer, resources);
  const paths = Object.assign({}, ...resources.map((resource) => pathsOf(resource))) as Record<string, unknown>;
  return {
    openapi: '3.0.0',
    info: { title: 'Idlewild lab', version: serverVersion.gitVersion },
    paths,
    components: { schemas },
  };
}

function parameter(name: string, type: 'string' | 'boolean' | 'integer', description: string): Record<string, unknown> {
  return { name, in: 'query', description, schema: { type, uniqueItems: true } };
}

const dryRun = parameter('dryRun', 'string', 'All: the request is processed in full but nothing is stored.');
const fieldManager = parameter('fieldManager', 'string', 'Who makes these changes, for managedFields.');
const fieldValidation = parameter(
  'fieldValidation',
  'string',
  'What to do with unknown or duplicate fields: Ignore, Warn or Strict.',
);
const force = parameter('force', 'boolean', 'Takes over fields that other managers own; for apply patches only.');
const writeParameters = [dryRun, fieldManager, fieldValidation];
const listParameters = [
  parameter('labelSelector', 'string', 'Restricts the objects by their labels.'),
  parameter('fieldSelector', 'string', 'Restricts the objects by their fields.'),
  parameter('limit', 'integer', 'At most so many objects in one answer.'),
  parameter('continue', 'string', 'Where the previous answer ended.'),
  parameter('resourceVersion', 'string', 'The state that the answer must at least reflect.'),
  parameter('watch', 'boolean', 'Streams changes instead of answering once.'),
  parameter('allowWatchBookmarks', 'boolean', 'Asks for BOOKMARK events.'),
  parameter('timeoutSeconds', 'integer', 'How long the call may last.'),
];

interface Operation {
  readonly action: string;
  readonly parameters?: readonly unknown[];
  readonly body?: Record<string, unknown>;
}

function operation(
  resource: ServedResource,
  { action, parameters = [], body }: Operation,
  answer: string,
): Record<string, unknown> {
  const schema = { $ref: `#/components/schemas/${answer}` };
  return {
    tags: [`${resource.group === '' ? 'core' : resource.group}_${resource.version}`],
    parameters,
    ...(body && { requestBody: { content: body, required: true } }),
    responses: { '200': { description: 'OK', content: { 'application/json': { schema } } } },
    'x-kubernetes-action': action,
    'x-kubernetes-group-version-kind': groupVersionKind(resource),
  };
}

function pathsOf(resource: ServedResource): Record<string, unknown> {
  const root = resource.group === '' ? `/api/${resource.version}` : `/apis/${resource.group}/${resource.version}`;
  const all = `${root}/${resource.plural}`;
  const collection = resource.namespaced ? `${root}/namespaces/{namespace}/${resource.plural}` : all;
  const name = componentName(resource);
  const { schema, patches } = { schema: { $ref: `#/components/schemas/${name}` }, patches: patchBody(resource) };
  const body = { 'application/json': { schema }, 'application/yaml': { schema } };
  const can = (verb: Verb) => resource.verbs.includes(verb);
  const op = (action: Operation, answer = name) => operation(resource, action, answer);
  const list = can('list') && { get: op({ action: 'list', parameters: listParameters }, `${name}List`) };
  const written = {
    ...(can('get') && { get: op({ action: 'get' }) }),
    ...(can('update') && { put: op({ action: 'put', parameters: writeParameters, body }) }),
    ...(can('patch') && { patch: op({ action: 'patch', parameters: [...writeParameters, force], body: patches }) }),
  };
  const paths: Record<string, unknown> = {
    [collection]: {
      ...list,
      ...(can('create') && { post: op({ action: 'post', parameters: writeParameters, body }) }),
      ...(can('deletecollection') && {
        delete: op({ action: 'deletecollection', parameters: listParameters }, `${meta}.Status`),
      }),
    },
  };
  if (can('get')) {
    const remove = can('delete') && { delete: op({ action: 'delete', parameters: [dryRun] }, `${meta}.Status`) };
    paths[`${collection}/{name}`] = { ...written, ...remove };
  }
  if (resource.statusSubresource) paths[`${collection}/{name}/status`] = written;
  if (resource.namespaced && can('list')) paths[all] = { ...list };
  return paths;
}

function patchBody(resource: ServedResource): Record<string, unknown> {
  const formats = ['application/apply-patch+yaml', 'application/json-patch+json', 'application/merge-patch+json'];
  if (!resource.custom) formats.push('application/strategic-merge-patch+json');
  return Object.fromEntries(
    formats.map((format) => [format, { schema: { $ref: `#/components/schemas/${meta}.Patch` } }]),
  );
}
