// The way of a job from `kubectl create` to its running script on an idle lab with real guests, beside the guest's own boot in
// the same run: the ratio says what Idlewild adds, whatever the machine's mood. Starts a whole lab, which takes a while the
// first time, as its images are built.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { inPhase, manifest, startLab, untilJob } from '@idlewild/e2e/cluster.ts';
import { median, quantile, type Bench, type Figure, type Measurement } from '../core/figures.ts';

export const startUp: Measurement = { name: 'start-up', about: 'the way to a running script in a whole lab', run };

const steps = ['published', 'claimed', 'virtual machine created', 'guest running', 'script running'] as const;
type Step = (typeof steps)[number];

async function run({ scale, say }: Bench): Promise<Figure[]> {
  const splits: Record<Step, number>[] = [];
  say('starting a lab');
  const lab = await startLab();
  try {
    for (let index = 0; index < scale.started; index += 1) {
      say(`job ${index + 1} of ${scale.started}`);
      const name = `bench-${index}`;
      const appliedAt = Date.now();
      const applied = await lab.kubectl(['create', '-f', '-'], manifest(name, { script: 'true' }));
      if (applied.code !== 0) throw new Error(applied.stderr);
      splits.push(splitOf(await untilJob(lab, name, 'succeeds', inPhase('Succeeded')), appliedAt));
      await lab.kubectl(['delete', 'cjob', name, '--timeout=60s']);
    }
  } finally {
    await lab.stop();
  }
  const of = (step: Step): number[] => splits.map((split) => split[step]);
  const boot = median(splits.map((split) => split['script running'] - split['guest running']));
  const total = median(of('script running'));
  const note = `${scale.started} jobs one after the other; "bare" is the guest's own boot`;
  return [
    ...steps.map((step): Figure => {
      const spread = `P95 ${quantile(of(step), 0.95).toFixed(2)} s`;
      return { name: `kubectl create to ${step}`, unit: 's', value: median(of(step)), note: spread };
    }),
    { name: 'what Idlewild adds to the boot', unit: 's', value: total - boot, bare: boot, ratio: total / boot, note },
  ];
}

/** Seconds from the apply to each step. */
function splitOf(job: ComputeJob, appliedAt: number): Record<Step, number> {
  const attempt = job.status?.attempts?.[0];
  const since = (at: string | undefined) => (Date.parse(at ?? '') - appliedAt) / 1000;
  return {
    published: since(job.status?.publication?.at),
    claimed: since(attempt?.claimed),
    'virtual machine created': since(attempt?.created),
    'guest running': since(attempt?.running),
    'script running': since(attempt?.started),
  };
}
