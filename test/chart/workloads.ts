// What the chart runs: the pods of a rendered release, and what is in them.

import { render, type Rendered } from './chart.ts';

interface Container {
  readonly name: string;
  readonly image: string;
  readonly args?: readonly string[];
  readonly env?: readonly unknown[];
  readonly securityContext?: unknown;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
}

export interface PodSpec {
  readonly serviceAccountName?: string;
  readonly securityContext?: unknown;
  readonly containers: readonly Container[];
  readonly volumes?: readonly unknown[];
}

/** The pod that an object makes, or is. Throws for what has none. */
export function podOf(object: Rendered): PodSpec {
  const spec = object['spec'] as { readonly template?: { readonly spec: PodSpec } };
  const pod = object.kind === 'Pod' ? (spec as unknown as PodSpec) : spec.template?.spec;
  if (pod === undefined) throw new Error(`${object.kind} ${object.metadata.name} has no pod`);
  return pod;
}

export function find(objects: readonly Rendered[], kind: string, name: string): Rendered {
  const found = objects.find((each) => each.kind === kind && each.metadata.name === name);
  if (found === undefined) throw new Error(`the chart has no ${kind} ${name}`);
  return found;
}

/** Arguments of the first container of a Deployment or DaemonSet, with the values set. */
export async function argsOf(name: string, ...values: string[]): Promise<string[]> {
  const objects = await render(...values.flatMap((value) => ['--set', value]));
  const kind = name.startsWith('agent-') ? 'DaemonSet' : 'Deployment';
  return [...(podOf(find(objects, kind, name)).containers[0]?.args ?? [])];
}
