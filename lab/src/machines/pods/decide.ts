// What a machine does next about one pod that is bound to it: the kubelet's part of a virt-launcher pod's life. Pure.
import type { LauncherPod } from '../../virt/model/launcher-pod.ts';

/** What the machine knows of the pod by itself. */
export type Known =
  | { readonly kind: 'nothing' }
  /** Secrets or the image are awaited. */
  | { readonly kind: 'preparing' }
  /** The containers run; there may or may not be a guest. */
  | { readonly kind: 'up'; readonly guest: 'none' | 'alive' | 'ended' }
  | { readonly kind: 'ended' };

export type PodStep =
  | { readonly kind: 'none' }
  /** Not a launcher: said in the pod's status, never run. */
  | { readonly kind: 'refuse'; readonly reason: 'NotSupported'; readonly message: string }
  | { readonly kind: 'prepare' }
  /** The API says it runs, but this machine has been without power since. */
  | { readonly kind: 'report-lost' }
  | { readonly kind: 'shut-down'; readonly deadlineMs: number }
  /** The containers end, though there was no guest to shut down. */
  | { readonly kind: 'end' }
  /** The last step of a deletion: the object goes. */
  | { readonly kind: 'remove' };

const finished = (pod: LauncherPod): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';

export function decidePod(pod: LauncherPod, known: Known): PodStep {
  const deleting = pod.metadata.deletionTimestamp;
  if (pod.metadata.labels?.['kubevirt.io'] !== 'virt-launcher') {
    if (deleting !== undefined) return { kind: 'remove' };
    if (finished(pod)) return { kind: 'none' };
    const message = 'lab machines run virtual machines only: this pod is no virt-launcher pod';
    return { kind: 'refuse', reason: 'NotSupported', message };
  }
  if (finished(pod)) return deleting !== undefined && known.kind !== 'up' ? { kind: 'remove' } : { kind: 'none' };
  switch (known.kind) {
    case 'nothing':
      if (pod.status?.phase === 'Running') return { kind: 'report-lost' };
      return { kind: deleting === undefined ? 'prepare' : 'remove' };
    case 'preparing':
      return { kind: deleting === undefined ? 'prepare' : 'remove' };
    case 'up':
      if (deleting === undefined) return { kind: 'none' };
      if (known.guest === 'alive') return { kind: 'shut-down', deadlineMs: Date.parse(deleting) };
      // An ended guest is first reported to its VirtualMachineInstance; that ends the containers too.
      return { kind: known.guest === 'none' ? 'end' : 'none' };
    case 'ended':
      // The status says so already, or will with the next write; the object may go only after that.
      return { kind: 'none' };
  }
}
