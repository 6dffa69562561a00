// Writing answers: objects, lists and Status documents in the form that the client asked for.

import type { ServerResponse } from 'node:http';
import { stringify as toYaml } from 'yaml';
import type { ApiFailure } from '../errors/status.ts';
import { badRequest, type Status } from '../errors/status.ts';
import type { ApiObject, ServedResource } from '../registry/types.ts';
import { jsonOf } from '../storage/store.ts';
import { renderTable, partialMetadata, type IncludeObject } from '../table/table.ts';
import type { Representation } from '../table/negotiate.ts';
import type { Page } from './list.ts';
import { groupVersion } from './parts.ts';

export interface View extends Representation {
  readonly includeObject: IncludeObject;
  readonly now: number;
}

export function includeObjectOf(query: URLSearchParams): IncludeObject {
  const value = query.get('includeObject') ?? '';
  if (value === '' || value === 'Metadata') return 'Metadata';
  if (value === 'None' || value === 'Object') return value;
  throw badRequest(`unrecognized includeObject value: ${JSON.stringify(value)}`);
}

/** One object (or a Status) as JSON text, in the asked form. */
export function encodeObject(resource: ServedResource, object: ApiObject | Status, view: View): string {
  if (object.kind === 'Status' && object.apiVersion === 'v1') return JSON.stringify(object);
  const shown = object as ApiObject;
  switch (view.form) {
    case 'object':
      return jsonOf(shown);
    case 'Table': {
      const { resourceVersion } = shown.metadata ?? {};
      return JSON.stringify(renderTable(resource, [shown], { resourceVersion }, view));
    }
    case 'PartialObjectMetadata':
      return JSON.stringify(partialMetadata(shown, view.apiVersion));
    case 'PartialObjectMetadataList':
      throw badRequest('you may not request a list of metadata for a single object');
  }
}

export function encodeList(resource: ServedResource, page: Page, view: View): string {
  const metadata = {
    ...(resource.custom && page.continue === '' && view.form === 'object' ? { continue: '' } : {}),
    resourceVersion: String(page.revision),
    ...(page.continue === '' ? {} : { continue: page.continue }),
    ...(page.remaining === undefined ? {} : { remainingItemCount: page.remaining }),
  };
  switch (view.form) {
    case 'object': {
      // The items of built-in lists come without kind and apiVersion, those of custom ones with them.
      const items = page.items.map(resource.custom ? jsonOf : bareJsonOf).join(',');
      const head = JSON.stringify({ kind: resource.listKind, apiVersion: groupVersion(resource), metadata });
      return `${head.slice(0, -1)},"items":[${items}]}`;
    }
    case 'Table':
      return JSON.stringify(renderTable(resource, page.items, metadata, view));
    case 'PartialObjectMetadata':
      throw badRequest('you may not request metadata of a single object for a list');
    case 'PartialObjectMetadataList':
      return JSON.stringify({
        kind: 'PartialObjectMetadataList',
        apiVersion: view.apiVersion,
        metadata,
        items: page.items.map((item) => partialMetadata(item, view.apiVersion)),
      });
  }
}

const bare = new WeakMap<ApiObject, string>();

function bareJsonOf(object: ApiObject): string {
  let json = bare.get(object);
  if (json === undefined) {
    const { kind: _kind, apiVersion: _version, ...rest } = object;
    json = JSON.stringify(rest);
    bare.set(object, json);
  }
  return json;
}

export interface Reply {
  readonly response: ServerResponse;
  readonly warnings: readonly string[];
  readonly media?: 'json' | 'yaml';
}

export function sendJson(reply: Reply, code: number, json: string): void {
  const { response } = reply;
  addWarnings(response, reply.warnings);
  const yaml = reply.media === 'yaml';
  const body = yaml ? toYaml(JSON.parse(json)) : `${json}\n`;
  response.writeHead(code, {
    'content-type': yaml ? 'application/yaml' : 'application/json',
    'cache-control': 'no-cache, private',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

export function sendFailure(reply: Reply, failure: ApiFailure): void {
  const seconds = failure.status.details?.retryAfterSeconds;
  if (seconds !== undefined) reply.response.setHeader('retry-after', String(seconds));
  sendJson({ response: reply.response, warnings: reply.warnings }, failure.code, JSON.stringify(failure.status));
}

/** What nobody serves: plain text, as Kubernetes' router answers. */
export function sendNotFoundPage(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' });
  response.end('404 page not found\n');
}

function addWarnings(response: ServerResponse, warnings: readonly string[]): void {
  if (warnings.length === 0) return;
  const lines = warnings.map((text) => {
    const clean = text.replace(/[\r\n]+/g, ' ').replace(/[\\"]/g, '\\$&');
    return `299 - "${clean}"`;
  });
  response.setHeader('warning', lines);
}
