// Whether KubeVirt is there and set up as Idlewild needs it. Pure.
// Facts: KubeVirt pkg/virt-config/virt-config.go (defaults), staging/src/kubevirt.io/api/core/v1/types.go (fields).

import type { Toleration } from '../api/kubernetes.ts';
import { taints } from '../model/names.ts';
import type { Facts, KubeVirt } from './facts.ts';
import { fail, judged, ok, warn, type Verdict } from './finding.ts';
import { atLeast, isRelease, versionOf } from './version.ts';

/** The first whose migrations can be told where to (addedNodeSelector). */
const least = '1.6';
/** From here on the API server holds the numbers of definitions to their format (kubernetes/kubernetes#136582). */
const strictNumbers = '1.36';
/** The first whose definitions have room for the checksums of disks, which are unsigned (kubevirt/kubevirt#17469, #17858). */
const roomForChecksums = [1, 8, 4] as const;
/** Disks of containers are mounted as image volumes from here on, as far as that is known. */
const imageVolumes = '1.9';
/** Machines with these may have guests; one that waits for approval has none, and KubeVirt's token is not to get there. */
const taintsOfMachinesWithGuests = [taints.ownerPresent, taints.lost, taints.volatile];
/** What the operator begins at a time unless told. */
const usual = { inAll: 5, perMachine: 2 };

const missing = fail(
  'it is not installed',
  'install it: https://kubevirt.io/quickstart_cloud/ (its operator, then one KubeVirt object)',
);

function patch({ metadata: { name, namespace } }: KubeVirt, spec: object): string {
  return `kubectl -n ${namespace ?? 'kubevirt'} patch kubevirt ${name} --type merge -p '${JSON.stringify({ spec })}'`;
}

const only =
  (look: (kubeVirt: KubeVirt) => Verdict) =>
  ({ kubeVirts }: Facts): Verdict =>
    judged(kubeVirts, missing, ([first]) => (first === undefined ? missing : look(first)));

/** Findings that say no more than that it is missing are left out: one is enough. */
export function isThere({ kubeVirts }: Facts): boolean {
  return kubeVirts.kind === 'seen' && kubeVirts.value.length > 0;
}

export const deployed = only(({ metadata, status }) => {
  const { phase = 'unknown', conditions = [] } = status ?? {};
  const look = `kubectl -n ${metadata.namespace ?? 'kubevirt'} describe kubevirt ${metadata.name}`;
  if (phase !== 'Deployed') {
    const why = conditions.find(({ type, status: now }) => type === 'Available' && now !== 'True')?.message;
    return fail(`its phase is ${phase}${why === undefined ? '' : `: ${why}`}`, `wait until it is Deployed; ${look}`);
  }
  const degraded = conditions.find(({ type, status: now }) => type === 'Degraded' && now === 'True');
  if (degraded) return warn(`it is degraded: ${degraded.message ?? 'it does not say why'}`, look);
  return ok('deployed');
});

export function version({ kubeVirts, version: kubernetes }: Facts): Verdict {
  return judged(kubeVirts, missing, ([first]) => {
    if (first === undefined) return missing;
    const text = first.status?.observedKubeVirtVersion;
    const found = text === undefined ? undefined : versionOf(text);
    if (text === undefined || found === undefined)
      return warn(`it does not say its version`, `make sure that it is ${least} or later`);
    if (!atLeast(found, least))
      return fail(
        `${text} is too old: its migrations cannot be told where to`,
        `upgrade KubeVirt to ${least} or later`,
      );
    const server = kubernetes.kind === 'seen' ? versionOf(kubernetes.value) : undefined;
    if (server === undefined || !atLeast(server, strictNumbers) || isRelease(text, roomForChecksums)) return ok(text);
    return fail(
      `${text} cannot run every image on Kubernetes ${strictNumbers} or later: guests stay Scheduled if the checksum of their disk is 2^31 or more, as about every second is`,
      `upgrade KubeVirt to ${roomForChecksums.join('.')} or later`,
    );
  });
}

export const emulation = only((kubeVirt) => {
  if (kubeVirt.spec?.configuration?.developerConfiguration?.useEmulation !== true)
    return ok('guests run on the processor itself');
  return warn(
    'useEmulation is on: every guest is emulated, which is ten times slower and more',
    `for trials only; otherwise ${patch(kubeVirt, { configuration: { developerConfiguration: { useEmulation: false } } })}`,
  );
});

export const liveUpdate = only((kubeVirt) => {
  const strategy = kubeVirt.spec?.configuration?.vmRolloutStrategy ?? 'LiveUpdate';
  if (strategy === 'LiveUpdate') return ok('running guests take changes of where they may be');
  return fail(
    `vmRolloutStrategy is ${strategy}: guests stay tied to the machine that they began on, and none can leave alive`,
    patch(kubeVirt, { configuration: { vmRolloutStrategy: 'LiveUpdate' } }),
  );
});

export const upgrades = only((kubeVirt) => {
  const methods = kubeVirt.spec?.workloadUpdateStrategy?.workloadUpdateMethods ?? [];
  if (!methods.includes('Evict')) return ok('an upgrade of KubeVirt ends no guest');
  return warn(
    'workloadUpdateMethods has Evict: an upgrade of KubeVirt ends guests',
    patch(kubeVirt, { workloadUpdateStrategy: { workloadUpdateMethods: methods.filter((each) => each !== 'Evict') } }),
  );
});

/**
 * A DaemonSet ends its old pods on every machine when its template changes, and makes new ones where they tolerate the taints
 * (Kubernetes pkg/controller/daemon). KubeVirt's tolerates none but those of nodePlacement (pkg/virt-operator/resource/placement).
 */
export const handlers = only((kubeVirt) => {
  const tolerations = kubeVirt.spec?.workloads?.nodePlacement?.tolerations ?? [];
  const lacking = taintsOfMachinesWithGuests.filter((taint) => !tolerations.some((each) => tolerates(each, taint)));
  if (lacking.length === 0) return ok('virt-handler may be at work wherever guests are');
  const wanted = [...tolerations, ...lacking.map((key) => ({ key, operator: 'Exists' }))];
  return warn(
    `virt-handler tolerates no ${lacking.join(', ')}: started anew while an owner is at a machine, as by an upgrade of KubeVirt, it stays away until the owner leaves, and no guest can leave`,
    patch(kubeVirt, { workloads: { nodePlacement: { tolerations: wanted } } }),
  );
});

function tolerates({ key, operator, value, effect }: Toleration, taint: string): boolean {
  const named = operator === 'Exists' ? !key || key === taint : key === taint && !value;
  return named && (!effect || effect === 'NoSchedule');
}

export const migrations = only((kubeVirt) => {
  const set = kubeVirt.spec?.configuration?.migrations ?? {};
  const { parallelMigrationsPerCluster: inAll = 5, parallelOutboundMigrationsPerNode: perMachine = 2 } = set;
  if (set.allowPostCopy === true) {
    return warn(
      'allowPostCopy is on: a guest is lost when either of its machines is while it moves',
      patch(kubeVirt, { configuration: { migrations: { allowPostCopy: false } } }),
    );
  }
  if (set.disableTLS === true) {
    return warn(
      'disableTLS is on: the memory of guests that move travels in the clear',
      patch(kubeVirt, { configuration: { migrations: { disableTLS: false } } }),
    );
  }
  if (inAll < usual.inAll || perMachine < usual.perMachine) {
    return warn(
      `${inAll} at a time in all and ${perMachine} from a machine, where the operator begins ${usual.inAll} and ${usual.perMachine} unless told: the rest waits, and may be given up`,
      `give the operator the same: --set operator.flags.migrations=${inAll},operator.flags.migrations-per-machine=${perMachine}`,
    );
  }
  const way = set.network === undefined ? 'the pod network' : `the network ${set.network}`;
  return ok(`${inAll} at a time in all, ${perMachine} from a machine, over ${way}`);
});

/** Whether the machines' container runtimes can mount the disks of guests. */
export function disks({ kubeVirts, nodes }: Facts): Verdict {
  return judged(kubeVirts, missing, ([first]) => {
    const found = versionOf(first?.status?.observedKubeVirtVersion ?? '');
    const off = first?.spec?.configuration?.developerConfiguration?.disabledFeatureGates?.includes('ImageVolume');
    if (first === undefined || found === undefined || !atLeast(found, imageVolumes) || off === true)
      return ok('mounted by KubeVirt itself');
    return judged(nodes, ok('there are no Nodes yet'), (list) => {
      const old = list.filter(({ status }) => {
        const [, containerd] = /^containerd:\/\/(.+)$/.exec(status?.nodeInfo?.containerRuntimeVersion ?? '') ?? [];
        const runtime = containerd === undefined ? undefined : versionOf(containerd);
        return runtime !== undefined && !atLeast(runtime, '2.1');
      });
      if (old.length === 0) return ok('mounted as image volumes');
      const gate = { configuration: { developerConfiguration: { disabledFeatureGates: ['ImageVolume'] } } };
      return warn(
        `KubeVirt mounts them as image volumes, which containerd knows since 2.1: not on ${old.map(({ metadata }) => metadata.name).join(', ')}`,
        `upgrade Kubernetes there, or ${patch(first, gate)}`,
      );
    });
  });
}
