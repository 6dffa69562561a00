// The subresource API: reads the objects, asks the rules, then writes or passes on to the machine.
import {
  nodes,
  virtualMachineInstanceMigrations,
  virtualMachineInstances,
  virtualMachines,
  type ResourceType,
} from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { isNotFound, toKubeError } from '@idlewild/operator/kube/errors.ts';
import type { Logger } from 'pino';
import type { Node } from '../../../model/node.ts';
import type { VirtualMachine, VirtualMachineInstance } from '../../model/instance.ts';
import { PLAYED_VERSION } from '../../manifests/resources.ts';
import { accepted, asPlainError, done, internalError, json, notFound, plain, type Answer } from './answer.ts';
import { refusalOf } from './instance-rules.ts';
import { addressOf, ask, noHandler, type LinkCredentials, type MachineAddress } from './machine-link.ts';
import { machineAct, type CallBody, type MachineAct } from './machine-rules.ts';
import { discovery, group, type Route } from './route.ts';

export interface SubresourceDeps {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly credentials: LinkCredentials;
}

type InstanceRoute = Extract<Route, { kind: 'instance' }>;
type MachineRoute = Extract<Route, { kind: 'machine' }>;

/** KubeVirt's words for a cancellation that names the wrong node, or none. */
const WRONG_NODE = 'the server rejected our request due to an error in our request';
const VERSION = { major: '1', minor: '9', gitVersion: PLAYED_VERSION, platform: 'linux/amd64' };

/** Routes that need no rights of their own. */
export function openAnswer(route: Route, path: string): Answer | undefined {
  switch (route.kind) {
    case 'group':
      return json(group);
    case 'discovery':
      return json(discovery);
    case 'version':
      return json(VERSION);
    case 'healthz':
      return plain(200, 'ok');
    case 'unknown':
      return plain(404, '404: Page Not Found');
    case 'wrongMethod':
      return plain(405, '405: Method Not Allowed');
    case 'noEndpoint':
      return plain(401, `unknown api endpoint: ${path}`);
    case 'instance':
    case 'machine':
      return undefined;
  }
}

async function find<T>(
  client: KubeClient,
  type: ResourceType,
  namespace: string,
  name: string,
): Promise<T | undefined> {
  try {
    return await client.get<T>(type, namespace ? { namespace, name } : { name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Where to go for this call, or why not. */
export async function destination(
  deps: SubresourceDeps,
  route: InstanceRoute,
): Promise<{ readonly address: MachineAddress } | { readonly answer: Answer }> {
  const { namespace, name, call } = route;
  if (call === 'evacuate/cancel') throw new TypeError('evacuate/cancel has no machine');
  const vmi = await find<VirtualMachineInstance>(deps.client, virtualMachineInstances, namespace, name);
  const refusal = refusalOf(call, name, vmi);
  if (refusal) return { answer: refusal };
  const nodeName = vmi?.status?.nodeName ?? '';
  const address = addressOf(await find<Node>(deps.client, nodes, '', nodeName));
  if (address) return { address };
  return { answer: call === 'vnc/screenshot' ? asPlainError(noHandler(nodeName)) : noHandler(nodeName) };
}

/** @param query with its question mark, or empty. */
export async function callInstance(
  deps: SubresourceDeps,
  route: InstanceRoute,
  method: string,
  query: string,
  body: CallBody,
) {
  if (route.call === 'evacuate/cancel') return cancelEvacuation(deps, route, 'virtualmachineinstance', body);
  const to = await destination(deps, route);
  if ('answer' in to) return to.answer;
  if (body.dryRun?.length) return accepted;
  const answer = await ask(deps.credentials, to.address, method, { ...route, query });
  return answer.status >= 500 ? internalError(messageOf(answer)) : answer;
}

function messageOf(answer: Answer): string {
  const text = String(answer.body);
  if (!answer.type?.startsWith('application/json')) return text;
  return (JSON.parse(text) as { message?: string }).message ?? text;
}

async function cancelEvacuation(
  { client }: SubresourceDeps,
  { namespace, name }: InstanceRoute | MachineRoute,
  kind: 'virtualmachine' | 'virtualmachineinstance',
  body: CallBody & { readonly evacuationNodeName?: string },
): Promise<Answer> {
  const vmi = await find<VirtualMachineInstance>(client, virtualMachineInstances, namespace, name);
  if (!vmi) return notFound(kind, name);
  const marked = vmi.status?.evacuationNodeName;
  if (!marked) return done;
  if (body.evacuationNodeName !== marked) return internalError(WRONG_NODE);
  if (!body.dryRun?.length) {
    const patch = { metadata: { uid: vmi.metadata.uid }, status: { evacuationNodeName: null } };
    await client.mergePatch(virtualMachineInstances, { namespace, name }, patch);
  }
  return done;
}

export async function callMachine(deps: SubresourceDeps, route: MachineRoute, body: CallBody): Promise<Answer> {
  const { namespace, name, call } = route;
  if (call === 'evacuate/cancel') return cancelEvacuation(deps, route, 'virtualmachine', body);
  const [vm, vmi] = await Promise.all([
    find<VirtualMachine>(deps.client, virtualMachines, namespace, name),
    find<VirtualMachineInstance>(deps.client, virtualMachineInstances, namespace, name),
  ]);
  const act = machineAct(call, name, vm, vmi, body);
  if (act.kind === 'refuse') return act.answer;
  if (body.dryRun?.length) return accepted;
  try {
    await carryOut(deps.client, { namespace, name }, vm, vmi, act);
    return accepted;
  } catch (thrown) {
    const error = toKubeError(thrown);
    return internalError(error.body?.message ?? error.message);
  }
}

async function carryOut(
  client: KubeClient,
  ref: { readonly namespace: string; readonly name: string },
  vm: VirtualMachine | undefined,
  vmi: VirtualMachineInstance | undefined,
  act: Exclude<MachineAct, { kind: 'refuse' }>,
): Promise<void> {
  if ('graceSeconds' in act && act.graceSeconds !== undefined && vmi) {
    const patch = { metadata: { uid: vmi.metadata.uid }, spec: { terminationGracePeriodSeconds: act.graceSeconds } };
    await client.mergePatch(virtualMachineInstances, ref, patch);
  }
  switch (act.kind) {
    case 'shorten':
      return;
    case 'setRunStrategy':
      await client.mergePatch(
        virtualMachines,
        ref,
        { spec: { runStrategy: act.runStrategy, ...(vm?.spec.running === undefined ? {} : { running: null }) } },
        { fieldManager: 'virt-api' },
      );
      return;
    case 'request': {
      const metadata = { resourceVersion: vm?.metadata.resourceVersion };
      const patch = { metadata, status: { stateChangeRequests: act.requests } };
      await client.mergePatch(virtualMachines, ref, patch, { subresource: 'status', fieldManager: 'virt-api' });
      return;
    }
    case 'migrate':
      await client.create(virtualMachineInstanceMigrations, {
        ...{ apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachineInstanceMigration' },
        metadata: { generateName: 'kubevirt-migrate-vm-', namespace: ref.namespace },
        spec: {
          vmiName: ref.name,
          ...(act.addedNodeSelector ? { addedNodeSelector: act.addedNodeSelector } : {}),
        },
      });
      return;
  }
}
