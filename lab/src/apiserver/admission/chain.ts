// The order of admission: what the server itself fills in and refuses, then mutating webhooks, then (after validation)
// admission policies and validating webhooks. Objects of webhook configurations are never sent to webhooks, nor those of policies
// to policies, so that a broken one can be repaired.

import type { ServerAuth } from '../auth/auth.ts';
import type { ApiObject } from '../registry/types.ts';
import type { Admission, AdmissionRequest } from '../rest/parts.ts';
import type { Store } from '../storage/store.ts';
import { refuseByNamespace } from './namespace-lifecycle.ts';
import { refuseByNodeRestriction } from './node-restriction.ts';
import { defaultNode, defaultPod, refusePod } from './pods-and-nodes.ts';
import type { Policies } from './policies.ts';
import type { Webhooks } from './webhooks.ts';

export function createAdmission(store: Store, policies: Policies, webhooks: Webhooks, auth: ServerAuth): Admission {
  return {
    async mutate(request) {
      refuseByNamespace(store, request);
      const filled = request.object === undefined ? undefined : fillIn(store, request, request.object);
      if (filled !== undefined) await refusePod(store, request, filled);
      return webhooks.mutate({ ...request, object: filled });
    },
    async validate(request) {
      refuseByNodeRestriction(store, request);
      const { operation, subresource, object, user, resource, namespace } = request;
      if (object !== undefined && subresource === '' && (operation === 'CREATE' || operation === 'UPDATE')) {
        auth.refuseEscalation(user, resource, object, namespace);
      }
      policies.validate(request);
      await webhooks.validate(request);
    },
  };
}

function fillIn(store: Store, request: AdmissionRequest, object: ApiObject): ApiObject {
  if (request.operation !== 'CREATE' || request.subresource !== '' || request.resource.group !== '') return object;
  switch (request.resource.plural) {
    case 'pods':
      return defaultPod(store, object);
    case 'nodes':
      return defaultNode(object);
    default:
      return object;
  }
}
