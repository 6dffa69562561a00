// Machines over REST: list them, and what an admin says of them (approved or not, taking jobs or not, held for a while, drained).
// Promises: asked of the cluster's rules first, for the user who calls; nothing is begun that they may not finish.

import { z } from 'zod';
import type { Node, Pod } from '../api/kubernetes.ts';
import { coreEvents, nodes, pods } from '../api/resources.ts';
import { formatHold, parseHold } from '../holds/state.ts';
import type { KubeClient } from '../kube/client.ts';
import { toKubeError } from '../kube/errors.ts';
import { annotations, labels } from '../model/names.ts';
import type { Authorization } from '../server/authorization.ts';
import { Problem } from '../server/problem.ts';
import type { Caller } from './callers.ts';
import { endpoint, type Endpoint } from './endpoint.ts';
import { eventRowOf, type CoreEvent } from './job-feeds.ts';
import { drained, eventRow, machineChange, machinePath, machineRow, type Drained } from './schemas.ts';
import type { Sources } from './sources.ts';

export interface MachineEndpoints {
  readonly client: KubeClient;
  readonly sources: Sources;
  readonly authorization: Authorization;
  /** ms since the epoch. */
  readonly now: () => number;
}

/** Where the cluster keeps events about objects that are in no namespace. */
const eventsOfNodes = 'default';
const mostLines = 200;

export function machineEndpoints(o: MachineEndpoints): Endpoint[] {
  const { client, sources, authorization } = o;
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
      summary: 'Approve a machine or revoke that; let it take jobs or not; hold it for a while',
      tag: 'machines',
      params: machinePath,
      body: machineChange,
      handle: async ({ caller, params: { name }, body: { approved, cordoned, hold } }) => {
        await authorization.require(caller.user, { verb: 'patch', resource: nodes, name });
        const metadata = {
          ...(approved === undefined ? {} : { labels: { [labels.approved]: approved ? 'true' : 'revoked' } }),
          ...(hold === undefined ? {} : { annotations: { [annotations.hold]: holdOf(o, caller, name, hold) } }),
        };
        const spec = cordoned === undefined ? {} : { spec: { unschedulable: cordoned ? true : null } };
        await client.mergePatch<Node>(nodes, { name }, { metadata, ...spec });
      },
    }),
    endpoint({
      method: 'post',
      path: '/api/v1/machines/{name}/drain',
      summary:
        'Let no more jobs onto a machine and tell its guests to leave it, as kubectl drain does; other pods stay',
      tag: 'machines',
      params: machinePath,
      answer: drained,
      handle: async ({ caller, params: { name } }) => {
        await authorization.require(caller.user, { verb: 'patch', resource: nodes, name });
        const fieldSelector = `spec.nodeName=${name},status.phase!=Succeeded,status.phase!=Failed`;
        const { items } = await client.list<Pod>(pods, { labelSelector: 'kubevirt.io=virt-launcher', fieldSelector });
        for (const namespace of new Set(items.map(({ metadata }) => metadata.namespace ?? ''))) {
          const access = { verb: 'create', resource: pods, subresource: 'eviction', namespace } as const;
          await authorization.require(caller.user, access);
        }
        await client.mergePatch<Node>(nodes, { name }, { spec: { unschedulable: true } });
        return evicted(client, items);
      },
    }),
    endpoint({
      method: 'get',
      path: '/api/v1/machines/{name}/events',
      summary: 'What the cluster has recorded about a machine lately, newest first',
      tag: 'machines',
      params: machinePath,
      answer: z.object({ items: z.array(eventRow) }),
      handle: async ({ caller, params: { name } }) => {
        await authorization.require(caller.user, { verb: 'get', resource: nodes, name });
        await authorization.require(caller.user, { verb: 'list', resource: coreEvents, namespace: eventsOfNodes });
        const fieldSelector = `involvedObject.kind=Node,involvedObject.name=${name}`;
        const { items } = await client.list<CoreEvent>(coreEvents, { namespace: eventsOfNodes, fieldSelector });
        const rows = items.map(eventRowOf);
        return { items: rows.sort((a, b) => b.at.localeCompare(a.at)).slice(0, mostLines) };
      },
    }),
  ];
}

/** The annotation of a machine that its admin holds, or lets go again: what it did before goes on counting, or does not. */
function holdOf(
  { sources, now }: MachineEndpoints,
  { user }: Caller,
  name: string,
  hold: { readonly minutes: number; readonly message?: string | undefined } | null,
): string | null {
  if (hold === null) return null;
  const node = sources.nodes.store.get(name);
  if (node === undefined) throw new Problem(404, `there is no machine "${name}"`);
  const state = parseHold(node.metadata.annotations?.[annotations.hold]);
  const until = new Date(now() + hold.minutes * 60_000).toISOString();
  const message = `held by ${user.name}${hold.message === undefined ? '' : `: ${hold.message}`}`;
  return formatHold({ ...state, until, reason: 'Admin', message });
}

async function evicted(client: KubeClient, guests: readonly Pod[]): Promise<Drained> {
  const told = await Promise.all(
    guests.map(async ({ metadata: { namespace = '', name } }) => {
      const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
      try {
        await client.create(pods, eviction, { namespace, name, subresource: 'eviction' });
        return undefined;
      } catch (caught) {
        const error = toKubeError(caught);
        // KubeVirt refuses with 429 and moves the guest all the same; a pod that is gone has left.
        if (error.kind === 'notFound' || (error.kind === 'throttled' && guestsMove(error.message))) return undefined;
        return { namespace, pod: name, message: error.body?.message ?? error.message };
      }
    }),
  );
  const refused = told.filter((each) => each !== undefined);
  return { evicted: guests.length - refused.length, refused };
}

const guestsMove = (message: string): boolean => /evacuat|migrat/i.test(message);
