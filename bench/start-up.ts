// Measures the way of a job from `kubectl apply` to its running script on an idle lab, split into its steps, and compares it
// with the guest's own boot in the same run: the ratio says what Idlewild adds, whatever the machine's mood.
// Usage: make bench [ARGS="--jobs 10"]
import { parseArgs } from 'node:util';
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { inPhase, startLab, untilJob, manifest } from '@idlewild/e2e/cluster.ts';

const { values } = parseArgs({ options: { jobs: { type: 'string', default: '10' } } });
const count = Number(values.jobs);
if (!Number.isInteger(count) || count < 1) {
  console.error(`--jobs must be a whole number from 1, not ${values.jobs}`);
  process.exit(2);
}

const steps = ['published', 'claimed', 'VM created', 'VMI Running', 'script running'] as const;
type Step = (typeof steps)[number];

/** Seconds from the apply to each step. */
function splitOf(job: ComputeJob, appliedAt: number): Record<Step, number> {
  const attempt = job.status?.attempts?.[0];
  const since = (at: string | undefined) => (Date.parse(at ?? '') - appliedAt) / 1000;
  return {
    published: since(job.status?.publication?.at),
    claimed: since(attempt?.claimed),
    'VM created': since(attempt?.created),
    'VMI Running': since(attempt?.running),
    'script running': since(attempt?.started),
  };
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? NaN;
}

const lab = await startLab();
try {
  const splits: Record<Step, number>[] = [];
  for (let index = 0; index < count; index += 1) {
    const name = `bench-${index}`;
    const appliedAt = Date.now();
    const applied = await lab.kubectl(['create', '-f', '-'], manifest(name, { script: 'true' }));
    if (applied.code !== 0) throw new Error(applied.stderr);
    splits.push(splitOf(await untilJob(lab, name, 'succeeds', inPhase('Succeeded')), appliedAt));
    await lab.kubectl(['delete', 'cj', name, '--timeout=60s']);
    process.stderr.write(`\r${index + 1} of ${count} jobs`);
  }
  process.stderr.write('\n');

  const rows = steps.map((step) => {
    const sorted = splits.map((split) => split[step]).sort((a, b) => a - b);
    return { step, median: quantile(sorted, 0.5), p95: quantile(sorted, 0.95) };
  });
  console.log(`seconds after the start of kubectl create, ${count} jobs one after the other on an idle lab\n`);
  console.log('step              median    P95');
  for (const { step, median, p95 } of rows)
    console.log(`${step.padEnd(16)}${median.toFixed(2).padStart(8)}${p95.toFixed(2).padStart(7)}`);
  const boots = splits.map((split) => split['script running'] - split['VMI Running']).sort((a, b) => a - b);
  const boot = quantile(boots, 0.5);
  const total = rows.at(-1)?.median ?? NaN;
  console.log(
    `\nthe guest's own boot: ${boot.toFixed(2)} s; Idlewild adds ${(total - boot).toFixed(2)} s (${(total / boot).toFixed(2)} times the boot)`,
  );
} finally {
  await lab.stop();
}
