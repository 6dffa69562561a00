// PATCH: the patch's media type picks how it is applied. Which types a kind takes is decided here: custom kinds have no
// strategic merge.

import type { ApiFailure } from '../errors/status.ts';
import { badRequest, unsupportedMediaType } from '../errors/status.ts';
import { jsonPatch } from '../patch/json.ts';
import { isObject } from '../patch/json-value.ts';
import { mergePatch } from '../patch/merge.ts';
import { strategicMergePatch } from '../patch/strategic.ts';
import type { ApiObject, ServedResource } from '../registry/types.ts';
import { decodePatch, mediaType } from './body.ts';
import type { Exchange } from './handler.ts';
import { writeOptions } from './options.ts';
import type { Parts } from './parts.ts';
import { applyObject, updateObject, type WriteTarget } from './write.ts';

const json = 'application/json-patch+json';
const merge = 'application/merge-patch+json';
const strategic = 'application/strategic-merge-patch+json';
const apply = 'application/apply-patch+yaml';

export async function patchRequest(
  parts: Parts,
  exchange: Exchange,
  resource: ServedResource,
  namespace: string,
  body: Buffer,
): Promise<{ object: ApiObject; created: boolean }> {
  const { target, query, request, user, warnings } = exchange;
  const type = mediaType(request.headers['content-type']);
  const write: WriteTarget = {
    resource,
    subresource: target.subresource,
    namespace,
    name: target.name,
    user,
    options: writeOptions(query, 'PatchOptions', request.headers['user-agent'], { apply: type === apply }),
    warnings,
    patch: true,
  };
  if (type === apply) {
    const config = decodePatch(body);
    if (!isObject(config)) throw badRequest('error decoding YAML: the configuration is not an object');
    checkKind(resource, config);
    return applyObject(parts, write, config as ApiObject);
  }
  const change = patchFunction(request.headers['content-type'], body, resource);
  const object = await updateObject(parts, write, (live) => ({ next: change(live) as ApiObject }));
  return { object, created: false };
}

/** The patch as a function of the object. Throws a 415 for a type that the kind does not take, a 400 if it does not parse. */
export function patchFunction(
  contentType: string | undefined,
  body: Buffer,
  resource: ServedResource,
): (live: unknown) => unknown {
  const type = mediaType(contentType);
  const accepted = resource.custom ? [json, merge, apply] : [json, merge, strategic, apply];
  if (!accepted.includes(type)) throw notAccepted(accepted);
  const patch = decodePatch(body);
  switch (type) {
    case json:
      return (live) => jsonPatch(live, patch);
    case merge:
      if (!isObject(patch)) throw badRequest('error decoding patch: the patch is not an object');
      return (live) => mergePatch(live, patch);
    case strategic:
      if (!isObject(patch)) throw badRequest('error decoding patch: the patch is not an object');
      return (live) => strategicMergePatch(live, patch, resource.schema);
    default:
      throw notAccepted(accepted);
  }
}

function notAccepted(accepted: readonly string[]): ApiFailure {
  return unsupportedMediaType(accepted);
}

function checkKind(resource: ServedResource, config: Record<string, unknown>): void {
  for (const field of ['apiVersion', 'kind']) {
    if (typeof config[field] !== 'string' || config[field] === '') {
      throw badRequest(`invalid object type: ${field} must be set in an apply configuration of a ${resource.kind}`);
    }
  }
}
