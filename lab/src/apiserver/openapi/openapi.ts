// The OpenAPI endpoints: the v3 index with a hash per group version, the documents behind it, and v2. Documents are
// written when first asked for and forgotten when the registry changes.
import { createHash } from 'node:crypto';
import type { Answer, HandleOpenApi, Registry, ServedResource } from '../registry/types.ts';
import { serverVersion } from '../discovery/version.ts';
import { groupVersionDocument } from './group-version.ts';
import { swaggerDocument, swaggerHeadProtobuf } from './version-two.ts';

const protobuf = /application\/com\.github\.proto-openapi\.spec\.v2[.@]v1\.0\+protobuf/;

export function createOpenApi(registry: Registry): HandleOpenApi {
  let documents = new Map<string, string>();
  let hashes: ReadonlyMap<string, string> | undefined;
  registry.onChange(() => {
    documents = new Map();
    hashes = undefined;
  });
  const written = (key: string, write: () => string): string => {
    let text = documents.get(key);
    if (text === undefined) documents.set(key, (text = write()));
    return text;
  };
  return (path, accept, ifNoneMatch) => {
    if (path === '/openapi/v2') {
      if (protobuf.test(accept))
        return answer(swaggerHeadProtobuf(), 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf', ifNoneMatch);
      return answer(
        written('v2', () => swaggerDocument(registry.all())),
        'application/json',
        ifNoneMatch,
      );
    }
    hashes ??= hashesOf(registry);
    if (path === '/openapi/v3') return answer(indexDocument(hashes), 'application/json', ifNoneMatch);
    const key = path.startsWith('/openapi/v3/') ? path.slice('/openapi/v3/'.length) : '';
    if (!hashes.has(key)) return undefined;
    return answer(
      written(key, () => JSON.stringify(groupVersionDocument(resourcesOf(registry, key)))),
      'application/json',
      ifNoneMatch,
    );
  };
}

function answer(body: string | Buffer, contentType: string, ifNoneMatch: string | undefined): Answer {
  const etag = `"${createHash('sha256').update(body).digest('hex').toUpperCase()}"`;
  const headers = { 'content-type': contentType, etag, vary: 'Accept' };
  return ifNoneMatch === etag ? { status: 304, headers, body: '' } : { status: 200, headers, body };
}

function keyOf(resource: ServedResource): string {
  return resource.group === '' ? `api/${resource.version}` : `apis/${resource.group}/${resource.version}`;
}

function resourcesOf(registry: Registry, key: string): readonly ServedResource[] {
  return registry.all().filter((resource) => keyOf(resource) === key);
}

/** The schemas of built-in kinds change only with the program; those of custom kinds are hashed themselves. */
function hashesOf(registry: Registry): ReadonlyMap<string, string> {
  const parts = new Map<string, string[]>();
  for (const resource of registry.all()) {
    const part = resource.custom
      ? `${resource.plural}${JSON.stringify(resource.verbs)}${customHash(resource)}`
      : resource.plural;
    parts.set(keyOf(resource), [...(parts.get(keyOf(resource)) ?? [serverVersion.gitVersion]), part]);
  }
  return new Map(
    [...parts].map(([key, texts]) => [key, createHash('sha512').update(texts.join('\n')).digest('hex').toUpperCase()]),
  );
}

const customHashes = new WeakMap<ServedResource, string>();

/** The metadata member is the same for all custom kinds, and its schema is large. */
function customHash(resource: ServedResource): string {
  let hash = customHashes.get(resource);
  if (hash === undefined) {
    const { metadata: _metadata, ...properties } = resource.schema.properties ?? {};
    hash = createHash('sha512')
      .update(JSON.stringify({ ...resource.schema, properties }))
      .digest('hex');
    customHashes.set(resource, hash);
  }
  return hash;
}

function indexDocument(hashes: ReadonlyMap<string, string>): string {
  const paths = [...hashes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, hash]) => [key, { serverRelativeURL: `/openapi/v3/${key}?hash=${hash}` }]);
  return JSON.stringify({ paths: Object.fromEntries(paths) });
}
