// Machines over REST: list them, and what an admin says of them (approved or not, taking jobs or not).
// Promises: asked of the cluster's rules first, for the user who calls.

import { z } from 'zod';
import type { Node } from '../api/kubernetes.ts';
import { nodes } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { labels } from '../model/names.ts';
import type { Authorization } from '../server/authorization.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { machineChange, machinePath, machineRow } from './schemas.ts';
import type { Sources } from './sources.ts';

export interface MachineEndpoints {
  readonly client: KubeClient;
  readonly sources: Sources;
  readonly authorization: Authorization;
}

export function machineEndpoints({ client, sources, authorization }: MachineEndpoints): Endpoint[] {
  return [
    endpoint({
      method: 'get',
      path: '/api/v1/machines',
      summary: 'The machines of the lab, as rows',
      tag: 'machines',
      answer: z.object({ items: z.array(machineRow) }),
      handle: async ({ caller }) => {
        await authorization.require(caller.user, { verb: 'list', resource: nodes });
        return { items: sources.machineRows() };
      },
    }),
    endpoint({
      method: 'patch',
      path: '/api/v1/machines/{name}',
      summary: 'Approve a machine or revoke that; let it take jobs or drain it',
      tag: 'machines',
      params: machinePath,
      body: machineChange,
      handle: async ({ caller, params: { name }, body: { approved, cordoned } }) => {
        await authorization.require(caller.user, { verb: 'patch', resource: nodes, name });
        await client.mergePatch<Node>(
          nodes,
          { name },
          {
            ...(approved === undefined
              ? {}
              : { metadata: { labels: { [labels.approved]: approved ? 'true' : null } } }),
            ...(cordoned === undefined ? {} : { spec: { unschedulable: cordoned ? true : null } }),
          },
        );
      },
    }),
  ];
}
