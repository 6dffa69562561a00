// What a terminating namespace says about itself and whether it may go. Pure.
// Condition types, reasons and the order of their texts are those of kube-controller-manager
// (pkg/controller/namespace/deletion/status_condition_utils.go).
import { conditionOf, type Condition } from '../../model/meta.ts';
import type { Namespace } from '../../model/namespace.ts';

export const NAMESPACE_FINALIZER = 'kubernetes';

/** What one pass over the content of a namespace has found. */
export interface Pass {
  /** Group versions whose resources could not be discovered, with the error. */
  readonly undiscovered: ReadonlyMap<string, string>;
  /** Errors of single resources, "resource.group: text". */
  readonly failures: readonly string[];
  /** Objects still there after the pass, by "resource.group" (a core resource ends with the dot). */
  readonly remaining: ReadonlyMap<string, number>;
  /** Finalizers of those objects and how many objects have them. */
  readonly finalizers: ReadonlyMap<string, number>;
}

/** A namespace is emptied when it is deleted and still has the finalizer of Kubernetes itself. */
export function mustBeEmptied(namespace: Namespace): boolean {
  return (
    namespace.metadata.deletionTimestamp !== undefined &&
    (namespace.spec?.finalizers ?? []).includes(NAMESPACE_FINALIZER)
  );
}

/** Nothing is left and nothing went unseen. */
export function isEmpty(pass: Pass): boolean {
  return pass.remaining.size === 0 && pass.failures.length === 0 && pass.undiscovered.size === 0;
}

interface Finding {
  readonly type: string;
  readonly problem: { readonly reason: string; readonly message: string } | undefined;
  readonly fine: { readonly reason: string; readonly message: string };
}

function findings(pass: Pass): readonly Finding[] {
  const counted = (counts: ReadonlyMap<string, number>, text: (name: string, count: number) => string): string =>
    [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => text(name, count))
      .join(', ');
  return [
    {
      type: 'NamespaceDeletionDiscoveryFailure',
      problem:
        pass.undiscovered.size === 0
          ? undefined
          : {
              reason: 'DiscoveryFailed',
              message: `Discovery failed for some groups, ${pass.undiscovered.size} failing: ${[...pass.undiscovered]
                .map(([groupVersion, error]) => `${groupVersion}: ${error}`)
                .sort()
                .join(', ')}`,
            },
      fine: { reason: 'ResourcesDiscovered', message: 'All resources successfully discovered' },
    },
    {
      type: 'NamespaceDeletionGroupVersionParsingFailure',
      problem: undefined,
      fine: { reason: 'ParsedGroupVersions', message: 'All legacy kube types successfully parsed' },
    },
    {
      type: 'NamespaceDeletionContentFailure',
      problem:
        pass.failures.length === 0
          ? undefined
          : {
              reason: 'ContentDeletionFailed',
              message: `Failed to delete all resource types, ${pass.failures.length} remaining: ${[...pass.failures].sort().join(', ')}`,
            },
      fine: { reason: 'ContentDeleted', message: 'All content successfully deleted, may be waiting on finalization' },
    },
    {
      type: 'NamespaceContentRemaining',
      problem:
        pass.remaining.size === 0
          ? undefined
          : {
              reason: 'SomeResourcesRemain',
              message: `Some resources are remaining: ${counted(pass.remaining, (name, count) => `${name} has ${count} resource instances`)}`,
            },
      fine: { reason: 'ContentRemoved', message: 'All content successfully removed' },
    },
    {
      type: 'NamespaceFinalizersRemaining',
      problem:
        pass.finalizers.size === 0
          ? undefined
          : {
              reason: 'SomeFinalizersRemain',
              message: `Some content in the namespace has finalizers remaining: ${counted(
                pass.finalizers,
                (name, count) => `${name} in ${count} resource instances`,
              )}`,
            },
      fine: { reason: 'ContentHasNoFinalizers', message: 'All content-preserving finalizers finished' },
    },
  ];
}

/**
 * The conditions that differ from those the namespace has, ready to be merged by type; empty when it says it all already.
 * A condition's status True means trouble; lastTransitionTime moves with the status only.
 */
export function changedConditions(namespace: Namespace, pass: Pass, nowText: string): readonly Condition[] {
  const changed: Condition[] = [];
  for (const { type, problem, fine } of findings(pass)) {
    const present = conditionOf(namespace.status?.conditions, type);
    const status = problem ? 'True' : 'False';
    const { reason, message } = problem ?? fine;
    if (present?.status === status && present.reason === reason && present.message === message) continue;
    const lastTransitionTime = present?.status === status ? (present.lastTransitionTime ?? nowText) : nowText;
    changed.push({ type, status, reason, message, lastTransitionTime });
  }
  return changed;
}
