// Whether a machine of the lab is as before: it lends, and nothing is held against it. Promises: pure; what is amiss is said in words.
import { isTrue } from '@idlewild/operator/api/conditions.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { annotations, labels } from '@idlewild/operator/model/names.ts';

/** Why the machine does not lend, or may soon not; empty when it does. */
export function troublesOf(node: Node): string[] {
  const { name, labels: has = {}, annotations: notes } = node.metadata;
  const taints = node.spec?.taints ?? [];
  if (taints.length > 0) return [`${name} is tainted: ${taints.map(({ key }) => key).join(', ')}`];
  if (!isTrue(node.status?.conditions, 'Ready')) return [`${name} is not Ready`];
  if (has[labels.pool] !== 'on') return [`${name} lends nothing: ${notes?.[annotations.offer]}`];
  if (has[labels.fence] === 'off') return [`${name} has no fence`];
  if (isHeldDown(node)) return [`${name} is held down`];
  return holdOf(node).includes('"lost":true') ? [`${name} may yet be held down`] : [];
}

export function isHeldDown(node: Node): boolean {
  return holdOf(node).includes('"until"');
}

function holdOf({ metadata }: Node): string {
  return metadata.annotations?.[annotations.hold] ?? '';
}
