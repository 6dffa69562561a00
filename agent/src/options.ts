// The agent's command line and the files it names.
// Promises: refuses what it does not know and what is out of range, with the flag's name and what is allowed.

import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import en from 'zod/v4/locales/en.js';
import * as z from 'zod/mini';
import { durationMs } from '@idlewild/operator/model/duration.ts';
import { machineLeaseNamespace } from '@idlewild/operator/model/names.ts';
import { checkFence } from '@idlewild/operator/recovery/fence-arithmetic.ts';
import type { KeeperTerms } from './lease/standing.ts';
import type { Policy } from './presence/policy.ts';
import { parseHours } from './presence/policy-document.ts';

// Without words of its own, this part of zod says "invalid" to everything.
z.config(en());

const durationText = z.pipe(
  z.string(),
  z.transform((text, context) => {
    try {
      // The fence is a matter of half seconds.
      return /^\d{1,6}\.\d{1,3}s$/.test(text) ? Math.round(Number(text.slice(0, -1)) * 1000) : durationMs(text);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      context.issues.push({ code: 'custom', message, input: text });
      return z.NEVER;
    }
  }),
);
const whole = (max: number) =>
  z.pipe(
    z.pipe(z.string().check(z.regex(/^\d{1,9}$/, 'must be a whole number')), z.transform(Number)),
    z.number().check(z.maximum(max)),
  );
const text = z.string().check(z.minLength(1));
/** Kubernetes tells pods the address of its API server without the brackets that one of IPv6 has in a URL. */
const serverUrl = z.pipe(
  text,
  z.transform((url) => url.replace(/^(https?:\/\/)([0-9a-f]*:[0-9a-f:]*):(\d+)$/i, '$1[$2]:$3')),
);
const roomName = z.string().check(z.regex(/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/, 'must be a label value'));

const schema = z.strictObject({
  node: text,
  server: serverUrl,
  'ca-file': z.optional(text),
  'token-file': text,
  root: z._default(text, '/'),
  'state-dir': z._default(text, '/var/lib/idlewild'),
  socket: z._default(text, '/run/idlewild/owner.sock'),
  'owner-port': z.optional(whole(65_535)),
  'dbus-socket': z.optional(text),
  'shutdown-delay': z._default(durationText, 25_000),
  room: z.optional(roomName),
  dedicated: z._default(z.boolean(), false),
  cores: whole(1024),
  'memory-mib': whole(2 ** 26),
  'disk-mib': whole(2 ** 30),
  'graphics-mib': z._default(whole(2 ** 20), 0),
  gpus: z._default(whole(64), 0),
  lend: z._default(z.enum(['always', 'when-idle', 'never']), 'when-idle'),
  'idle-after': z._default(durationText, 600_000),
  'hours-file': z.optional(text),
  'policy-namespace': z._default(text, 'idlewild-system'),
  'guest-cgroup': z._default(z.array(text), []),
  'pods-cgroup': z._default(z.array(text), []),
  'lease-namespace': z._default(text, machineLeaseNamespace),
  'lease-duration': z._default(durationText, 10_000),
  'renew-every': z._default(durationText, 2_000),
  'request-timeout': z._default(durationText, 1_500),
  'kill-after': z._default(durationText, 6_000),
  'switch-after': z._default(durationText, 7_500),
  'switch-check': z._default(durationText, 600),
  'kill-within': z._default(durationText, 500),
  'shared-lease': z._default(durationText, 300_000),
  'lease-file': z._default(text, 'run/idlewild/lease'),
  'switch-heartbeat': z._default(text, 'run/idlewild/switch'),
  'log-level': z._default(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']), 'info'),
});

export type Options = z.output<typeof schema>;

const booleans = new Set(['dedicated']);
const lists = new Set(['guest-cgroup', 'pods-cgroup']);

export const usage = `The Idlewild agent: protects the owner of one machine, and says what the machine lends.

For the owner, on the machine; each takes --socket FILE if the agent's is not the usual one:
  status                whose the machine is and why, what runs here and for whom, and what happened before
  stop-now              guests leave at once, and none comes back until you say lend-again
  lend-again            the machine may be lent when nobody uses it
For the admin, before the machine joins:
  preflight [--disk-mib N] [--dedicated] [--json]   whether anything is in the way, and what helps

Without a command it is the agent itself, and --node, --server, --token-file, --cores, --memory-mib and --disk-mib are needed:
  --node NAME           the machine's Node
  --server URL          the API server; with --ca-file FILE and --token-file FILE
  --root DIR            where the machine's file system is (/)
  --state-dir DIR       what must outlive the agent (/var/lib/idlewild)
  --socket FILE         where the owner asks and says "stop now" (/run/idlewild/owner.sock)
  --owner-port PORT     the same as a page on http://127.0.0.1:PORT (none)
  --dbus-socket FILE    of the system bus, to ask logind (run/dbus/system_bus_socket below --root)
  --shutdown-delay DURATION   how long a shutdown or sleep waits until the guests have gone (25s, or what logind grants)
  --room NAME           the room, if the Node does not have it already
  --dedicated           the machine has no owner
  --cores N, --memory-mib N, --disk-mib N, --graphics-mib N, --gpus N   the most that it lends
  --lend MODE           always, when-idle or never (when-idle)
  --idle-after DURATION how long nobody must have used it (10m)
  --hours-file FILE     JSON: {"timeZone", "windows": [{"days", "from", "to"}], "holidays"}
  --policy-namespace NAME   where the ConfigMap idlewild-policy is, which comes before these three (idlewild-system)
  --guest-cgroup DIR    a control group of guests, held back while the owner is active; may be given again
  --pods-cgroup DIR     one of a kubelet, such as .../kubepods.slice: pods below it that run a guest; may be given again
  --lease-duration DURATION   how long the operator must have heard nothing before it gives the machine up (10s)
  --lease-namespace NAME      where the machine's Lease is kept (idlewild-machines)
  --renew-every DURATION, --request-timeout DURATION   how often the Lease is renewed, and how long for an answer (2s, 1.5s)
  --kill-after DURATION       guests are ended by the agent so long after the last renewal was sent (6s)
  --switch-after DURATION     and by the switch on the host so long after it (7.5s), which looks every --switch-check (0.6s, its
                              delay included); they are gone within --kill-within (0.5s)
  --shared-lease DURATION     the same for guests of which two may run (5m)
  --lease-file FILE, --switch-heartbeat FILE   what the switch reads and writes (run/idlewild/lease and run/idlewild/switch
                              below --root)
  --log-level LEVEL     trace, debug, info, warn, error or silent (info)
`;

/** Throws TypeError with the flag's name and what is allowed. */
export function parseOptions(args: readonly string[]): Options {
  const flags = Object.fromEntries(
    Object.keys(schema.shape).map((name) => [
      name,
      { type: booleans.has(name) ? ('boolean' as const) : ('string' as const), multiple: lists.has(name) },
    ]),
  );
  const { values } = parseArgs({ args: [...args], options: flags });
  const parsed = schema.safeParse(values);
  if (parsed.success) return parsed.data;
  throw firstOf(parsed.error, '--');
}

/** Throws TypeError with every reason for which guests could outlive their machine's lease. */
export function fenceTermsOf(options: Options): KeeperTerms {
  const seconds = (ms: number): number => ms / 1000;
  const terms: KeeperTerms = {
    leaseSeconds: seconds(options['lease-duration']),
    renewSeconds: seconds(options['renew-every']),
    requestTimeoutSeconds: seconds(options['request-timeout']),
    killAfterSeconds: seconds(options['kill-after']),
    switchAfterSeconds: seconds(options['switch-after']),
    checkSeconds: seconds(options['switch-check']),
    killSeconds: seconds(options['kill-within']),
    sharedSeconds: seconds(options['shared-lease']),
  };
  const { leaseSeconds, switchAfterSeconds, checkSeconds, killSeconds, sharedSeconds } = terms;
  // Without any margin: the operator's is not ours to count on.
  const operator = { switchAfterSeconds, checkSeconds, killSeconds, leaseSeconds, marginSeconds: 0 };
  const problems = checkFence({ ...operator, agent: terms });
  if (!Number.isInteger(leaseSeconds)) problems.push('leaseSeconds: must be whole');
  if (sharedSeconds < switchAfterSeconds) problems.push('sharedSeconds: must not be below switchAfterSeconds');
  if (problems.length > 0) throw new TypeError(`the fence would not hold: ${problems.join('; ')}`);
  return terms;
}

/** Throws TypeError that names the field of the hours file, or the system's error when it cannot be read. */
export function policyOf(options: Options): Policy {
  const mode = ({ always: 'Always', 'when-idle': 'WhenIdle', never: 'Never' } as const)[options.lend];
  const file = options['hours-file'];
  const base = { mode, idleAfterMs: options['idle-after'] };
  return file === undefined ? base : { ...base, hours: [parseHours(readFileSync(file, 'utf8'), file)] };
}

function firstOf({ issues }: z.core.$ZodError, prefix: string): TypeError {
  const missing = issues.filter(({ code }) => code === 'invalid_type').map(({ path }) => `${prefix}${path.join('.')}`);
  if (missing.length > 0) return new TypeError(`missing: ${missing.join(', ')}; --help tells what they are`);
  const [issue] = issues;
  return new TypeError(`${prefix}${issue?.path.join('.')}: ${issue?.message}`);
}
