// Whether machines have joined, and can take guests and pass them on. Pure.

import type { Lease, Node } from '../api/kubernetes.ts';
import { CpuModelVotes } from '../model/cpu-model.ts';
import { machineOf, type Machine } from '../model/machine.ts';
import { labels } from '../model/names.ts';
import { fenceTrouble } from '../recovery/fence.ts';
import { usualPatience } from '../recovery/leases.ts';
import { isSealed } from '../recovery/seal.ts';
import type { Facts, Renewals } from './facts.ts';
import { fail, judged, named, ok, warn, type Verdict } from './finding.ts';

const join = 'let machines join: docs/join.md';
const approve = `kubectl label node NAME ${labels.approved}=true`;
const noNodes = fail('there are no Nodes', join);
const nobody = ok('no machine is approved yet');

const namesOf = (machines: readonly Machine[]): string => named(machines.map(({ name }) => name));

function onMachines({ nodes }: Facts, look: (approved: readonly Machine[], all: readonly Node[]) => Verdict): Verdict {
  return judged(nodes, noNodes, (list) =>
    look(
      list.map((node) => machineOf(node)).filter(({ approved }) => approved),
      list,
    ),
  );
}

export function approved(facts: Facts): Verdict {
  return onMachines(facts, (machines, all) => {
    const lending = machines.filter((machine) => machine.lending);
    if (machines.length > 0 && lending.length > 0)
      return ok(`${machines.length} approved, ${lending.length} of them in the pool`);
    if (machines.length > 0)
      return warn(`${machines.length} approved, but none lends`, 'look at their agents and policies: docs/join.md');
    const waiting = all.filter(({ metadata }) => metadata.labels?.[labels.pool] !== undefined);
    return waiting.length > 0
      ? warn(
          `none is approved; ${waiting.length} wait: ${named(waiting.map(({ metadata }) => metadata.name))}`,
          approve,
        )
      : warn('none has joined', `${join}; then ${approve}`);
  });
}

/** Whether guests can be started there at all. */
export function virtualization(facts: Facts): Verdict {
  return onMachines(facts, (machines, all) => {
    if (machines.length === 0) return nobody;
    const off = machines.filter(({ virtualizationReady }) => !virtualizationReady);
    if (off.length > 0) {
      const words = `KubeVirt's virt-handler is not at work on ${namesOf(off)} (label ${labels.schedulable})`;
      const remedy = 'kubectl -n kubevirt get pods -o wide -l kubevirt.io=virt-handler';
      return off.length === machines.length ? fail(words, remedy) : warn(words, remedy);
    }
    const emulated =
      facts.kubeVirts.kind === 'seen' &&
      facts.kubeVirts.value[0]?.spec?.configuration?.developerConfiguration?.useEmulation === true;
    const slow = all.filter(
      ({ metadata, status }) =>
        machines.some(({ name }) => name === metadata.name) && Number(status?.allocatable?.[kvm] ?? 1) === 0,
    );
    if (emulated || slow.length === 0) return ok(`KubeVirt is at work on all ${machines.length}`);
    const words = `there is no /dev/kvm on ${named(slow.map(({ metadata }) => metadata.name))}`;
    const remedy = 'npm run agent -- preflight, on the machine, says what helps';
    return slow.length === machines.length ? fail(words, remedy) : warn(words, remedy);
  });
}

const kvm = 'devices.kubevirt.io/kvm';

/** Whether guests can move between all machines. */
export function processors(facts: Facts): Verdict {
  return onMachines(facts, (machines) => {
    const pool = machines.filter(({ lending }) => lending);
    if (pool.length === 0) return ok('no machine is in the pool yet');
    const mute = pool.filter(({ cpuModels }) => cpuModels.length === 0);
    if (mute.length > 0) {
      const words = `${namesOf(mute)}: KubeVirt says no processor model (labels cpu-model.node.kubevirt.io/...)`;
      return warn(words, 'see whether virt-handler is at work there; until then their guests may not be able to move');
    }
    const votes = new CpuModelVotes();
    for (const machine of pool) votes.add(machine);
    const choices = votes.choices();
    const outside = pool.filter(({ architecture, cpuModels }) => !cpuModels.includes(choices.get(architecture) ?? ''));
    const chosen = [...choices].map(([architecture, model]) => `${model} (${architecture})`).join(', ');
    if (outside.length > 0) {
      return warn(
        `there is no model that all have: guests get ${chosen}, and none starts on ${namesOf(outside)}`,
        'take machines that are too old out of the pool, or give them a cluster of their own',
      );
    }
    const vendors = new Set(pool.flatMap(({ cpuVendors }) => cpuVendors));
    if (vendors.size > 1) {
      return warn(
        `guests get ${chosen}, but never move between ${[...vendors].sort().join(' and ')}`,
        'give each room machines of one vendor, so that guests can leave within it',
      );
    }
    return ok(`guests get ${chosen} and can move between all ${pool.length} machines`);
  });
}

/** Whether every approved machine has an agent that renews its Lease. */
export function agents(facts: Facts): Verdict {
  return onMachines(facts, (machines, all) => {
    if (machines.length === 0) return nobody;
    const none = fail('there are no Leases of agents', look);
    return judged(facts.renewals, none, (renewals) => agentsOf(machines, all, renewals));
  });
}

const look = 'kubectl -n idlewild-system get pods -o wide -l app.kubernetes.io/component=agent, and their logs';

function agentsOf(machines: readonly Machine[], all: readonly Node[], { before, after, apartMs }: Renewals): Verdict {
  const lease = (list: readonly Lease[], name: string): Lease | undefined =>
    list.find(({ metadata }) => metadata.name === name);
  const grave = (list: readonly Machine[]): ((words: string, remedy: string) => Verdict) =>
    list.length === machines.length ? fail : warn;
  const without = machines.filter(({ name }) => !lease(after, name));
  if (without.length > 0) return grave(without)(`${namesOf(without)}: no agent ever took a Lease`, look);
  const sealed = machines.filter(({ name }) => isSealed(lease(after, name) ?? { metadata: { name } }));
  if (sealed.length > 0) return grave(sealed)(`${namesOf(sealed)}: lost, and not come back`, look);
  const silent = machines.filter(
    ({ name }) => lease(before, name)?.spec?.renewTime === lease(after, name)?.spec?.renewTime,
  );
  if (silent.length > 0)
    return grave(silent)(`${namesOf(silent)}: no renewal within ${Math.round(apartMs / 1000)} s`, look);
  const unfenced = all.flatMap(({ metadata: { name, labels: own } }) => {
    const trouble = machines.some((machine) => machine.name === name)
      ? fenceTrouble(own, lease(after, name), usualPatience)
      : undefined;
    return trouble === undefined ? [] : [{ name, trouble }];
  });
  const [first] = unfenced;
  if (first === undefined) return ok(`all ${machines.length} renew, with their switches armed`);
  return warn(
    `${named(unfenced.map(({ name }) => name))} takes no job that must not run twice: ${first.trouble}`,
    'on the machine: systemctl daemon-reload && systemctl start idlewild-fence',
  );
}
