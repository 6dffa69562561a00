// The operator's command line.
// Promises: refuses what it does not know and what is out of range, with the flag's name and what is allowed.

import { parseArgs } from 'node:util';
import * as z from 'zod';
import { parseRanges, usualRanges } from './isolation/ranges.ts';
import { durationMs } from './model/duration.ts';
import { priorities } from './queue/priority.ts';
import { defaultGpuResource } from './model/machine.ts';
import { usualPatience } from './recovery/leases.ts';

const duration = z.string().transform((text, context) => {
  try {
    return durationMs(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    return z.NEVER;
  }
});
const positive = duration.refine((ms) => ms > 0, 'must be longer than 0s');
const ranges = z.string().transform((text, context) => {
  try {
    return parseRanges(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
    return z.NEVER;
  }
});
const whole = (max: number) =>
  z
    .string()
    .regex(/^\d{1,5}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().max(max));
const some = (max: number) => whole(max).refine((count) => count > 0, 'must be at least 1');

const schema = z.strictObject({
  kubeconfig: z.string().min(1).optional(),
  namespace: z.string().min(1).default('idlewild-system'),
  'metrics-host': z.string().min(1).default('127.0.0.1'),
  'metrics-port': whole(65_535).default(0),
  'lease-duration': positive.default(usualPatience.leaseDurationMs),
  'lease-margin': duration.default(usualPatience.leaseMarginMs),
  'lost-after': positive.default(usualPatience.lostAfterMs),
  'runners-up': whole(100).default(3),
  'hold-down': duration.default(60_000),
  'retry-base': duration.default(2_000),
  'retry-max': positive.default(300_000),
  'migration-target-timeout': positive.default(60_000),
  'migrations-per-machine': some(1_000).default(2),
  'migrations-per-room': some(1_000).default(4),
  migrations: some(10_000).default(5),
  'freeze-for': duration.default(20_000),
  'migrate-within': duration.default(1_800_000),
  'park-within': positive.default(30_000),
  history: z.string().min(1).optional(),
  'history-days': some(10_000).default(90),
  'history-mib': some(65_536).default(512),
  'gpu-resource': z
    .string()
    .regex(
      /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?\/[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
      'must be like nvidia.com/gpu',
    )
    .default(defaultGpuResource),
  'lan-ranges': ranges.default(parseRanges(usualRanges)),
  'max-priority': z.enum(priorities).default('Urgent'),
  preemption: z.enum(['never', 'lower']).default('never'),
  'preemption-notice': duration.default(30_000),
  'usage-half-life': duration.refine((ms) => ms >= 60_000, 'must be at least 1m').default(86_400_000),
  'portal-url': z
    .string()
    .refine(
      (text) => /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text.replace(/\/$/, ''),
      'must be like https://portal.example.org',
    )
    .transform((text) => new URL(text).origin)
    .optional(),
  reservations: whole(1_000).default(8),
  'restarts-per-room': some(1_000).default(4),
  'leader-elect': z.boolean().default(false),
  'log-level': z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  help: z.boolean().default(false),
});

export type Options = z.output<typeof schema>;

const flags: Record<keyof Options, { type: 'string' | 'boolean' }> = {
  kubeconfig: { type: 'string' },
  namespace: { type: 'string' },
  'metrics-host': { type: 'string' },
  'metrics-port': { type: 'string' },
  'lease-duration': { type: 'string' },
  'lease-margin': { type: 'string' },
  'lost-after': { type: 'string' },
  'runners-up': { type: 'string' },
  'hold-down': { type: 'string' },
  'retry-base': { type: 'string' },
  'retry-max': { type: 'string' },
  'migration-target-timeout': { type: 'string' },
  'migrations-per-machine': { type: 'string' },
  'migrations-per-room': { type: 'string' },
  migrations: { type: 'string' },
  'freeze-for': { type: 'string' },
  'migrate-within': { type: 'string' },
  'park-within': { type: 'string' },
  history: { type: 'string' },
  'history-days': { type: 'string' },
  'history-mib': { type: 'string' },
  'gpu-resource': { type: 'string' },
  'lan-ranges': { type: 'string' },
  'max-priority': { type: 'string' },
  preemption: { type: 'string' },
  'preemption-notice': { type: 'string' },
  'usage-half-life': { type: 'string' },
  'portal-url': { type: 'string' },
  reservations: { type: 'string' },
  'restarts-per-room': { type: 'string' },
  'leader-elect': { type: 'boolean' },
  'log-level': { type: 'string' },
  help: { type: 'boolean' },
};

export const usage = `The Idlewild operator: gives ComputeJobs to idle machines. \`preflight --help\`: whether the cluster is ready for that.

  --kubeconfig FILE             KUBECONFIG, ~/.kube/config or the pod's service account unless given
  --namespace NAME              where the leader's lease lives (idlewild-system)
  --metrics-host HOST           address of /metrics, /healthz and /readyz; :: is every address (127.0.0.1)
  --metrics-port PORT           their port; 0 picks a free one and logs it (0)
  --lease-duration DURATION     silence of a machine's agent after which the machine counts as lost (10s)
  --lease-margin DURATION       how much longer until its lease is sealed and its guests start elsewhere (1s)
  --lost-after DURATION         silence after which a machine without an agent counts as lost (1m)
  --runners-up N                further machines kept in mind for each job (3)
  --hold-down DURATION          how long a job avoids a machine on which it did not start (1m)
  --retry-base DURATION         pause before the first repeat of a failed attempt; doubles each time (2s)
  --retry-max DURATION          longest such pause (5m)
  --migration-target-timeout DURATION  how long a migration may wait for its target (1m)
  --migrations-per-machine N    guests that leave one machine at a time (2, as KubeVirt allows unless told)
  --migrations-per-room N       guests that leave the machines of one room at a time (4)
  --migrations N                guests that move at a time in all (5, as KubeVirt allows unless told)
  --freeze-for DURATION         how long a guest stands still for an owner before it is moved (20s)
  --migrate-within DURATION     how long after that it is shut down if nothing has taken it (30m)
  --park-within DURATION        how long it may take to shut down (30s)
  --history FILE                where the ledger is remembered (in memory, for as long as the operator runs)
  --history-days N              how long it is remembered (90)
  --history-mib N               how large the file may become before the oldest is given up (512)
  --gpu-resource NAME           extended resource that counts as a graphics processor (nvidia.com/gpu)
  --portal-url URL              where browsers find the portal; jobs then link to their consoles (none)
  --lan-ranges RANGES           what isolated guests must not reach, such as 10.0.0.0/8,fc00::/7
                                (private, shared and link-local addresses; add the lab's own if they are public)
  --max-priority PRIORITY       the highest that any job is served with: Low, Normal, High or Urgent (Urgent)
  --preemption never|lower      lower: jobs of priority High and Urgent may end ones of a lower priority (never)
  --preemption-notice DURATION  how long before that they are told (30s)
  --usage-half-life DURATION    after this, what a namespace used counts half against it (24h)
  --reservations N              machines kept at most for jobs that fit nowhere yet (8)
  --restarts-per-room N         jobs of a lost room that start again at once, and every 5 s after that (4)
  --leader-elect                work only while holding the lease; for more than one replica
  --log-level LEVEL             trace, debug, info, warn, error or silent (info)
`;

/** Throws TypeError with the flag's name and what is allowed. */
export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({ args: [...args], options: flags });
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new TypeError(`--${issue?.path.join('.')}: ${issue?.message}`);
}
