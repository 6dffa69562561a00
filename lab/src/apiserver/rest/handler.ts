// A request for a served resource, carried out: the verb and subresource pick the operation, the answer is written in the
// form that the client accepts. Authorization has happened; what is not served here is answered as Kubernetes does.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConnectionOptions } from 'node:tls';
import { badRequest, methodNotAllowed, methodNotSupported, noSuchResource, notFound } from '../errors/status.ts';
import type { ApiObject, ServedResource, User, Verb } from '../registry/types.ts';
import { absentList } from '../builtin/absent-kinds.ts';
import { bindPod } from '../subresources/binding.ts';
import { evictPod } from '../subresources/eviction.ts';
import { interactiveRefusal } from '../subresources/interactive.ts';
import { streamLog } from '../subresources/pod-log.ts';
import { readScale, writeScale } from '../subresources/scale.ts';
import { negotiate } from '../table/negotiate.ts';
import { startWatch } from '../watch/watch.ts';
import { watchQuery } from '../watch/watch-query.ts';
import { decodeObject, readBody } from './body.ts';
import { deleteAll, deleteObject } from './delete.ts';
import { listObjects } from './list.ts';
import { listQuery } from './list-query.ts';
import { deleteOptions, writeOptions, type OptionsKind } from './options.ts';
import { inVersion, storageKey, type Parts } from './parts.ts';
import { patchFunction, patchRequest } from './patch-request.ts';
import { replaceObject } from './replace.ts';
import type { ResourceRequest } from './request.ts';
import { encodeList, encodeObject, includeObjectOf, sendJson, sendNotFoundPage, type View } from './respond.ts';
import { createObject, updateObject, type WriteTarget } from './write.ts';

export interface HandlerContext {
  readonly parts: Parts;
  /** How the server shows itself to kubelets. */
  readonly kubeletCredentials: ConnectionOptions;
  /** Aborted when the server stops: ends watches. */
  readonly stopping: AbortSignal;
}

export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  readonly user: User;
  readonly target: ResourceRequest;
  readonly warnings: string[];
}

const reviewGroups = ['authentication.k8s.io', 'authorization.k8s.io'];

export async function handleResource(context: HandlerContext, exchange: Exchange): Promise<void> {
  const { target, response } = exchange;
  const resource = context.parts.registry.find(target.group, target.version, target.plural);
  const { group, version, plural, verb } = target;
  const absent =
    verb === 'list' && resource === undefined
      ? absentList(group, version, plural, context.parts.store.revision)
      : undefined;
  if (absent !== undefined) return sendJson({ response, warnings: [] }, 200, JSON.stringify(absent));
  if (resource === undefined || !isInScope(resource, target)) {
    if (isBuiltin(context, target)) throw noSuchResource();
    return sendNotFoundPage(response);
  }
  if (resource.deprecationWarning !== undefined) exchange.warnings.push(resource.deprecationWarning);
  if (target.subresource !== '') return handleSubresource(context, exchange, resource);
  if (!resource.verbs.includes(target.verb as Verb) || isTooWide(resource, target)) throw methodNotAllowed();
  switch (target.verb) {
    case 'get':
      return sendObject(exchange, resource, readObject(context.parts, exchange, resource));
    case 'list':
      return handleList(context, exchange, resource);
    case 'watch':
      return handleWatch(context, exchange, resource);
    case 'create':
      return handleCreate(context, exchange, resource);
    case 'update':
      return handleUpdate(context, exchange, resource);
    case 'patch':
      return handlePatch(context, exchange, resource);
    case 'delete':
      return handleDelete(context, exchange, resource);
    case 'deletecollection':
      return handleDeleteCollection(context, exchange, resource);
  }
}

/** Whether the group and version are the server's own, whose router answers what is not there by a Status. */
function isBuiltin({ parts }: HandlerContext, { group, version }: ResourceRequest): boolean {
  return parts.registry.all().some((each) => !each.custom && each.group === group && each.version === version);
}

/** Cluster-scoped kinds are not found in namespaces; of namespaced ones only lists and watches span all namespaces. */
function isInScope(resource: ServedResource, target: ResourceRequest): boolean {
  if (!resource.namespaced) return target.namespace === '' || isNamespaces(resource);
  if (target.namespace !== '') return true;
  return target.name === '' && ['list', 'watch', 'create', 'deletecollection'].includes(target.verb);
}

/** Built-in objects of many namespaces are listed and watched together, but not made or deleted so. */
function isTooWide(resource: ServedResource, { namespace, verb }: ResourceRequest): boolean {
  if (resource.custom || !resource.namespaced || namespace !== '' || isReview(resource)) return false;
  return verb === 'create' || verb === 'deletecollection';
}

function isNamespaces(resource: ServedResource): boolean {
  return resource.group === '' && resource.plural === 'namespaces';
}

function namespaceOf(resource: ServedResource, target: ResourceRequest): string {
  return resource.namespaced ? target.namespace : '';
}

function viewOf(context: HandlerContext, exchange: Exchange): View {
  const now = context.parts.clock.now();
  return { ...negotiate(exchange.request.headers.accept), includeObject: includeObjectOf(exchange.query), now };
}

function sendObject(exchange: Exchange, resource: ServedResource, object: ApiObject, code = 200): void {
  const representation = negotiate(exchange.request.headers.accept);
  const view = { ...representation, includeObject: includeObjectOf(exchange.query), now: Date.now() };
  const json = encodeObject(resource, object, view);
  sendJson({ response: exchange.response, warnings: exchange.warnings, media: view.media }, code, json);
}

function readObject(parts: Parts, exchange: Exchange, resource: ServedResource): ApiObject {
  const { target } = exchange;
  const stored = parts.store.get(storageKey(resource), namespaceOf(resource, target), target.name);
  if (stored === undefined) throw notFound(resource, target.name);
  return inVersion(resource, stored);
}

async function handleList(context: HandlerContext, exchange: Exchange, resource: ServedResource): Promise<void> {
  const view = viewOf(context, exchange);
  const query = listQuery(exchange.query, resource);
  const page = await listObjects(context.parts.store, resource, namespaceOf(resource, exchange.target), query);
  const reply = { response: exchange.response, warnings: exchange.warnings, media: view.media };
  sendJson(reply, 200, encodeList(resource, page, view));
}

function handleWatch(context: HandlerContext, exchange: Exchange, resource: ServedResource): void {
  const view = viewOf(context, exchange);
  const form = view.form === 'PartialObjectMetadataList' ? 'PartialObjectMetadata' : view.form;
  const { parts, stopping } = context;
  startWatch(parts.store, exchange.response, {
    resource,
    namespace: namespaceOf(resource, exchange.target),
    query: watchQuery(exchange.query, resource, parts.random),
    signal: stopping,
    encode: (object, first) => {
      const json = encodeObject(resource, object, { ...view, form, now: parts.clock.now() });
      if (form !== 'Table' || first) return json;
      // Only the first table of a watch carries the columns.
      return JSON.stringify({ ...(JSON.parse(json) as object), columnDefinitions: null });
    },
  });
}

function targetOf(exchange: Exchange, resource: ServedResource, kind: OptionsKind): WriteTarget {
  const { target, query, request, user, warnings } = exchange;
  return {
    resource,
    subresource: target.subresource,
    namespace: namespaceOf(resource, target),
    name: target.name,
    user,
    options: writeOptions(query, kind, request.headers['user-agent']),
    warnings,
  };
}

async function handleCreate(context: HandlerContext, exchange: Exchange, resource: ServedResource): Promise<void> {
  const { parts } = context;
  if (exchange.target.name !== '' && !resource.custom) throw methodNotAllowed();
  const write = targetOf(exchange, resource, 'CreateOptions');
  if (resource.namespaced && write.namespace === '' && !isReview(resource)) {
    throw badRequest('the namespace of the object must be named in the path of the request');
  }
  const body = await readBody(exchange.request);
  const { object, duplicates } = decodeObject(body, exchange.request.headers['content-type'], resource.kind);
  if (isReview(resource)) {
    const namespace = write.namespace === '' ? {} : { namespace: write.namespace };
    const reviewed = await parts.auth.review(resource, object, { user: exchange.user, ...namespace });
    return sendObject(exchange, resource, reviewed, 201);
  }
  sendObject(exchange, resource, await createObject(parts, write, object, duplicates), 201);
}

function isReview(resource: ServedResource): boolean {
  return !resource.custom && reviewGroups.includes(resource.group);
}

async function handleUpdate(context: HandlerContext, exchange: Exchange, resource: ServedResource): Promise<void> {
  const write = targetOf(exchange, resource, 'UpdateOptions');
  const body = await readBody(exchange.request);
  const { object, duplicates } = decodeObject(body, exchange.request.headers['content-type'], resource.kind);
  const { object: stored, created } = await replaceObject(context.parts, write, object, duplicates);
  sendObject(exchange, resource, stored, created ? 201 : 200);
}

async function handlePatch(context: HandlerContext, exchange: Exchange, resource: ServedResource): Promise<void> {
  const body = await readBody(exchange.request);
  const { object, created } = await patchRequest(
    context.parts,
    exchange,
    resource,
    namespaceOf(resource, exchange.target),
    body,
  );
  sendObject(exchange, resource, object, created ? 201 : 200);
}

async function optionsOf(exchange: Exchange): Promise<ReturnType<typeof deleteOptions>> {
  const body = await readBody(exchange.request);
  if (body.length === 0) return deleteOptions(exchange.query, undefined);
  const { object } = decodeObject(body, exchange.request.headers['content-type'], 'DeleteOptions');
  return deleteOptions(exchange.query, object);
}

async function handleDelete(context: HandlerContext, exchange: Exchange, resource: ServedResource): Promise<void> {
  const { target, user, warnings } = exchange;
  const options = await optionsOf(exchange);
  const namespace = namespaceOf(resource, target);
  const answer = await deleteObject(context.parts, { resource, namespace, name: target.name, user, options, warnings });
  sendObject(exchange, resource, answer as ApiObject);
}

async function handleDeleteCollection(
  context: HandlerContext,
  exchange: Exchange,
  resource: ServedResource,
): Promise<void> {
  const { target, user, warnings } = exchange;
  const options = await optionsOf(exchange);
  const view = viewOf(context, exchange);
  const query = listQuery(exchange.query, resource);
  const page = await listObjects(context.parts.store, resource, namespaceOf(resource, target), query);
  await deleteAll(context.parts, page.items, { resource, user, options, warnings });
  const reply = { response: exchange.response, warnings, media: view.media };
  sendJson(reply, 200, encodeList(resource, { ...page, revision: context.parts.store.revision }, view));
}

async function handleSubresource(context: HandlerContext, exchange: Exchange, resource: ServedResource): Promise<void> {
  const { parts } = context;
  const { target, response, query, user, warnings } = exchange;
  const served = resource.subresources?.find((subresource) => subresource.name === target.subresource);
  if (target.subresource === 'status' && resource.statusSubresource) return handleStatus(context, exchange, resource);
  if (target.subresource === 'scale' && resource.scale !== undefined) return handleScale(context, exchange, resource);
  const refusal = interactiveRefusal(parts, target);
  if (refusal !== undefined) throw refusal;
  if (served === undefined || target.rest !== '') {
    throw resource.custom ? notFound(resource, target.name) : noSuchResource();
  }
  if (!served.verbs.includes(target.verb)) throw methodNotAllowed();
  const namespace = namespaceOf(resource, target);
  const { name } = target;
  if (target.subresource === 'log') {
    return streamLog(parts, { resource, namespace, name, query }, response, context.kubeletCredentials);
  }
  const write = targetOf(exchange, resource, target.verb === 'create' ? 'CreateOptions' : 'UpdateOptions');
  if (target.verb === 'get') return sendObject(exchange, resource, readObject(parts, exchange, resource));
  const { object } = decodeObject(
    await readBody(exchange.request),
    exchange.request.headers['content-type'],
    served.kind,
  );
  switch (target.subresource) {
    case 'eviction': {
      const status = await evictPod(
        parts,
        { resource, namespace, name, user, dryRun: write.options.dryRun, warnings },
        object,
      );
      return sendObject(exchange, resource, status as unknown as ApiObject, 201);
    }
    case 'binding':
      return sendObject(exchange, resource, (await bindPod(parts, write, object)) as unknown as ApiObject, 201);
    case 'token': {
      const account = readObject(parts, exchange, resource);
      const { subresource } = target;
      const rest = { namespace, name, old: undefined, user, dryRun: write.options.dryRun, warnings };
      await parts.admission.validate({ operation: 'CREATE', resource, subresource, object, ...rest });
      return sendObject(exchange, resource, await parts.auth.requestToken(account, object), 201);
    }
    case 'finalize':
      return sendObject(exchange, resource, await updateObject(parts, write, () => ({ next: object })));
    default:
      throw noSuchResource();
  }
}

async function handleStatus(context: HandlerContext, exchange: Exchange, resource: ServedResource): Promise<void> {
  switch (exchange.target.verb) {
    case 'get':
      return sendObject(exchange, resource, readObject(context.parts, exchange, resource));
    case 'update':
      return handleUpdate(context, exchange, resource);
    case 'patch':
      return handlePatch(context, exchange, resource);
    default:
      throw resource.custom ? methodNotSupported(resource, exchange.target.verb) : methodNotAllowed();
  }
}

async function handleScale(context: HandlerContext, exchange: Exchange, resource: ServedResource): Promise<void> {
  const { parts } = context;
  const namespace = namespaceOf(resource, exchange.target);
  const { verb, name } = exchange.target;
  if (verb === 'get') return sendObject(exchange, resource, readScale(parts, { resource, namespace, name }));
  if (verb !== 'update' && verb !== 'patch') throw methodNotAllowed();
  const body = await readBody(exchange.request);
  const { headers } = exchange.request;
  if (verb === 'update') {
    const { object } = decodeObject(body, headers['content-type'], 'Scale');
    return sendObject(
      exchange,
      resource,
      await writeScale(parts, targetOf(exchange, resource, 'UpdateOptions'), () => object),
    );
  }
  const change = patchFunction(headers['content-type'], body, resource);
  const patched = await writeScale(
    parts,
    targetOf(exchange, resource, 'PatchOptions'),
    (scale) => change(scale) as ApiObject,
  );
  sendObject(exchange, resource, patched);
}
