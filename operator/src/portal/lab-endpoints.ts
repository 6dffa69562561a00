// The switches of a lab over REST, so that a visitor can see guests move: owners come and go, machines lose power and network.
// Promises: only a portal that was given the lab's control socket has these paths; only who may patch a machine turns its switches.

import { z } from 'zod';
import { nodes } from '../api/resources.ts';
import type { Authorization } from '../server/authorization.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import type { LabSwitches } from './lab-switches.ts';
import { labMachine, labVerbs, machinePath } from './schemas.ts';

export function labEndpoints(switches: LabSwitches, authorization: Authorization): Endpoint[] {
  return [
    endpoint({
      method: 'get',
      path: '/api/v1/lab/machines',
      summary: 'How the switches of the machines of the lab are set',
      tag: 'lab',
      answer: z.object({ items: z.array(labMachine) }),
      handle: async ({ caller }) => {
        await authorization.require(caller.user, { verb: 'list', resource: nodes });
        return { items: await switches.machines() };
      },
    }),
    endpoint({
      method: 'post',
      path: '/api/v1/lab/machines/{name}',
      summary: 'Turn a switch of a machine of the lab, or let its owner come, go or speak',
      tag: 'lab',
      params: machinePath,
      body: z.strictObject({ verb: z.enum(labVerbs) }),
      handle: async ({ caller, params: { name }, body: { verb } }) => {
        await authorization.require(caller.user, { verb: 'patch', resource: nodes, name });
        await switches.turn(name, verb);
      },
    }),
  ];
}
