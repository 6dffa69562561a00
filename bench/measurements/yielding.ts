// How soon a guest of a whole lab stands still after its machine's owner has pressed a key, and how soon it goes on when the owner
// has gone: agent, API server, operator and KubeVirt's part of the lab together.

import { isTrue } from '@idlewild/operator/api/conditions.ts';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import * as resources from '@idlewild/operator/api/resources.ts';
import { isNotFound } from '@idlewild/operator/kube/errors.ts';
import { labels } from '@idlewild/operator/model/names.ts';
import { inPhase, startLab, submit, until, untilJob, type LabCluster } from '@idlewild/e2e/cluster.ts';
import { ask } from '@idlewild/lab/daemon/control.ts';
import { layoutOf } from '@idlewild/lab/daemon/layout.ts';
import { quantile, type Figure } from '../core/figures.ts';

/** The only desktop machine that the guest may run on. */
const machine = 'pc-4';
const often = { everyMs: 20, timeoutMs: 120_000 };

export async function yielding(rounds: number, say: (what: string) => void): Promise<Figure[]> {
  const lab = await startLab({ machines: 5 });
  try {
    const placement = { nodeSelector: { [labels.hostname]: machine }, dedicatedOnly: false };
    // A machine that is too busy to renew its lease ends its guests.
    const retries = { limit: 50, when: ['StartFailed' as const] };
    await submit(lab, 'guest', { script: 'while :; do :; done', placement, retries });
    await untilJob(lab, 'guest', 'runs', inPhase('Running'), { timeoutMs: 180_000 });
    const frozen: number[] = [];
    const told: number[] = [];
    const resumed: number[] = [];
    for (let round = 1; round <= rounds; round += 1) {
      say(`an owner who comes and goes: round ${round} of ${rounds}`);
      const atWork = ({ status }: ComputeJob): boolean => status?.phase === 'Running' && !status.ladder;
      const { status } = await untilJob(lab, 'guest', 'is at work', atWork, { timeoutMs: 240_000 });
      const guest = `guest-${status?.attempt}`;
      try {
        // At any moment between two looks of the agent.
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 200));
        const pressed = performance.now();
        await owner(lab, 'arrive');
        await until('the guest stands still', () => stands(lab, guest, true), often);
        frozen.push(performance.now() - pressed);
        await owner(lab, 'leave');
        await until('the owner is away', () => isAway(lab), often);
        const away = performance.now();
        await until('the guest goes on', () => stands(lab, guest, false), often);
        resumed.push(performance.now() - away);
        told.push(away - pressed);
      } catch (error) {
        // A busy machine may have been taken for lost; the job begins anew.
        if (!isNotFound(error)) throw error;
        await owner(lab, 'leave');
        say('the round is left out: the guest has ended');
      }
    }
    const seconds = (all: readonly number[], share: number): number => quantile(all, share) / 1000;
    const figure = (name: string, all: readonly number[], limit: number): Figure => ({
      ...{ name: `${name}, P95`, unit: 's', value: seconds(all, 0.95) },
      aim: { of: 'value', is: 'at most', limit },
      note: `P50 ${seconds(all, 0.5).toFixed(3)} s, most ${seconds(all, 1).toFixed(3)} s, ${all.length} rounds`,
    });
    say(`from the key until the machine was lent again: ${seconds(told, 0.5).toFixed(1)} s, of which 10 s are set`);
    return [figure('key press to guest frozen', frozen, 2), figure('owner gone to guest resumed', resumed, 10)];
  } finally {
    await lab.stop();
  }
}

async function owner({ dir }: LabCluster, verb: 'arrive' | 'leave'): Promise<void> {
  await ask(layoutOf(dir).controlSocket, { op: 'owner', verb, name: machine });
}

async function stands({ client }: LabCluster, name: string, still: boolean): Promise<boolean> {
  const ref = { namespace: 'default', name };
  const vmi = await client.get<VirtualMachineInstance>(resources.virtualMachineInstances, ref);
  return isTrue(vmi.status?.conditions, 'Paused') === still;
}

async function isAway({ client }: LabCluster): Promise<boolean> {
  const { metadata } = await client.get<Node>(resources.nodes, { name: machine });
  return metadata.labels?.[labels.presence] === 'away';
}
