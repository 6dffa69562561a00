// The words of the portal's API: what is asked and answered, validated by the same schemas that its document is made from.
// Promises: a row holds what a list shows and nothing that grows with a job's script. Must not hold behaviour.

import { z } from 'zod';
import { mostEndings } from './job-limits.ts';

const label = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const machineName = /^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$/;
const time = z.string().meta({ format: 'date-time' });

export const namespaceName = z.string().regex(label, 'must be the name of a namespace');
export const jobName = z.string().regex(label, 'must be the name of a ComputeJob');
export const jobPath = z.strictObject({ namespace: namespaceName, name: jobName });
export const machinePath = z.strictObject({ name: z.string().regex(machineName, 'must be the name of a machine') });
export const yes = z.enum(['true', 'false']).default('false');

export const loginBody = z.strictObject({
  token: z
    .string()
    .trim()
    .min(1, 'must not be empty')
    .max(8192, 'is too long for a token')
    .regex(/^[A-Za-z0-9._~+/-]+=*$/, 'has characters that no token has'),
});

export const loggedIn = z.object({ name: z.string() });

/** How one may log in. */
export const loginWays = z.object({
  /** Single sign-on, and what the lab calls it. */
  oidc: z.object({ label: z.string(), path: z.string() }).optional(),
});
export type LoginWays = z.output<typeof loginWays>;

export const renewed = z.object({ until: time, ends: time });

/** Where the browser goes next, when the login service wants to hear of a logout too. */
export const loggedOut = z.object({ location: z.string().optional() });
export type LoggedOut = z.output<typeof loggedOut>;

/** What somebody may do in a namespace that they see. */
const namespaceAccess = z.object({ name: z.string(), create: z.boolean(), stop: z.boolean(), delete: z.boolean() });
export type NamespaceAccess = z.output<typeof namespaceAccess>;

export const me = z.object({
  name: z.string(),
  groups: z.array(z.string()),
  /** When the session ends unless it is renewed; absent for programs. */
  until: time.optional(),
  /** When it ends whatever happens. */
  ends: time.optional(),
  namespaces: z.array(namespaceAccess),
  /** `switches`: it is a lab of virtual machines, whose owners and power are theirs to play with. */
  machines: z.object({ list: z.boolean(), change: z.boolean(), switches: z.boolean() }),
});
export type Me = z.output<typeof me>;

export const jobRow = z.object({
  uid: z.string(),
  namespace: z.string(),
  name: z.string(),
  created: time,
  deleting: z.boolean().optional(),
  /** Its user has stopped it, and it is not over yet. */
  stopping: z.boolean().optional(),
  mode: z.enum(['Batch', 'Session']),
  console: z.enum(['VNC', 'Serial', 'None']),
  image: z.string(),
  cores: z.number(),
  memory: z.string(),
  priority: z.string(),
  phase: z.string(),
  reason: z.string().optional(),
  message: z.string().optional(),
  node: z.string().optional(),
  attempt: z.number().optional(),
  attempts: z.number(),
  position: z.number().optional(),
  estimate: time.optional(),
  /** What comes between the job and its end just now. */
  interrupted: z.object({ reason: z.string(), message: z.string(), since: time }).optional(),
  /** The owner of its machine is back: the guest is slowed only, stands still, or was asked to shut down. */
  owner: z.enum(['back', 'still', 'parking']).optional(),
  /** Why its latest attempt ended, while it has none. */
  ended: z.string().optional(),
  started: time.optional(),
  finished: time.optional(),
  exitCode: z.number().optional(),
});
export type JobRow = z.output<typeof jobRow>;

const amount = z.object({
  cores: z.number(),
  memoryMiB: z.number(),
  diskMiB: z.number(),
  graphicsMiB: z.number(),
  gpus: z.number(),
});

export const machineRow = z.object({
  name: z.string(),
  room: z.string().optional(),
  dedicated: z.boolean(),
  approved: z.boolean(),
  /** An admin took the approval back. */
  revoked: z.boolean(),
  lending: z.boolean(),
  ownerPresent: z.boolean(),
  ready: z.boolean(),
  lost: z.boolean(),
  cordoned: z.boolean(),
  architecture: z.string(),
  lends: amount,
  used: z.object({ cores: z.number(), memoryMiB: z.number(), guests: z.number() }),
  since: time.optional(),
  hold: z.object({ until: time, message: z.string() }).optional(),
  /** What the machine's agent gives as the reason for what it offers now. */
  why: z.string().optional(),
  /** Whether it would destroy its guests by itself if it were cut off. */
  fence: z.enum(['armed', 'off', 'unknown']),
  /** When its agent was last heard of, to within a minute; absent where there is no agent. */
  seen: time.optional(),
});
export type MachineRow = z.output<typeof machineRow>;

/** A job as kubectl would send it; the cluster's own schema is the judge of its spec. */
export const jobBody = z.strictObject({
  apiVersion: z.literal('idlewild.dev/v1alpha1').optional(),
  kind: z.literal('ComputeJob').optional(),
  metadata: z.strictObject({
    name: z.string().min(1, 'must not be empty').max(253),
    labels: z.record(z.string(), z.string()).optional(),
    annotations: z.record(z.string(), z.string()).optional(),
  }),
  spec: z.record(z.string(), z.unknown()),
});

/** A ComputeJob as the API server has it. */
export const job = z.looseObject({ metadata: z.looseObject({ name: z.string() }), spec: z.looseObject({}) });

/** What its user may change of a job: that it ends. */
export const jobChange = z.strictObject({ stop: z.literal(true) });

/** Jobs to be stopped or deleted, each only if it is still that one. */
export const jobsBody = z.strictObject({
  jobs: z
    .array(z.strictObject({ ...jobPath.shape, uid: z.string().min(1).max(64) }))
    .min(1, 'must name at least one job')
    .max(mostEndings, `must name at most ${mostEndings} jobs`),
});
/** What became of each: how many are over or on their way, and those that were refused, in the cluster's words. */
export const endings = z.object({
  done: z.number(),
  refused: z.array(z.object({ namespace: z.string(), name: z.string(), status: z.number(), detail: z.string() })),
});
export type Endings = z.output<typeof endings>;

/** What the guest that a job has now was given, and what it uses. Whatever nobody can tell is absent, and `unknown` says why. */
export const jobResources = z.object({
  machine: z.string().optional(),
  /** As KubeVirt reports of the running guest. */
  given: z
    .object({
      cores: z.number().optional(),
      memoryMiB: z.number().optional(),
      /** Beside the guest's own memory: what running it takes on the machine. */
      overheadMiB: z.number().optional(),
    })
    .optional(),
  /** As the cluster's metrics API has measured on the machine, averaged over `windowSeconds` up to `at`. */
  used: z.object({ cores: z.number(), memoryMiB: z.number(), at: time, windowSeconds: z.number() }).optional(),
  unknown: z.object({ given: z.string().optional(), used: z.string().optional() }),
});
export type JobResources = z.output<typeof jobResources>;

/** How many machines could take a job: now, when something about them changes, and never. */
export const fit = z.object({
  now: z.number(),
  later: z.number(),
  never: z.number(),
  /** How many are kept off by which reason. */
  reasons: z.record(z.string(), z.number()),
});
export type Fit = z.output<typeof fit>;

export const machineChange = z
  .strictObject({
    approved: z.boolean().optional(),
    cordoned: z.boolean().optional(),
    /** Gives it no jobs for so many minutes; null ends that. */
    hold: z
      .strictObject({
        minutes: z.int().min(1).max(10_080),
        message: z.string().trim().min(1).max(300).optional(),
      })
      .nullable()
      .optional(),
  })
  .refine((change) => Object.keys(change).length > 0, 'at least one of approved, cordoned and hold is needed');

/** What became of the guests of a machine that was drained. */
export const drained = z.object({
  evicted: z.number(),
  /** Guests that could not be told to leave, and why. */
  refused: z.array(z.object({ namespace: z.string(), pod: z.string(), message: z.string() })),
});
export type Drained = z.output<typeof drained>;

export const eventRow = z.object({
  uid: z.string(),
  at: z.string(),
  type: z.string(),
  reason: z.string(),
  message: z.string(),
  count: z.number(),
  about: z.string(),
});

/** Of a namespace, or of who submitted jobs. */
const share = z.object({
  /** Empty: the portal does not know who submitted them. */
  name: z.string(),
  running: z.number(),
  waiting: z.number(),
  /** At work now. */
  cores: z.number(),
  /** Charged so far to the jobs that are still there. */
  coreSeconds: z.number(),
  lostCoreSeconds: z.number(),
});
export type Share = z.output<typeof share>;

export const overview = z.object({
  /** Cores of all machines since this process started, a day at most; only for those who may list machines. */
  cores: z
    .object({
      since: time,
      points: z.array(z.object({ at: time, lent: z.number(), used: z.number() })),
    })
    .optional(),
  /** Seconds from submission to the first machine, of jobs that got one in the last day. */
  waits: z.object({
    jobs: z.number(),
    p50: z.number().optional(),
    p90: z.number().optional(),
    p95: z.number().optional(),
    /** Jobs that wait now, and for how many seconds the one that has waited longest. */
    waiting: z.number(),
    longest: z.number().optional(),
  }),
  /** What came between jobs and their end in the last day, by reason. */
  interruptions: z.record(z.string(), z.number()),
  /** By namespace. */
  shares: z.array(share),
  /** By who submitted. */
  people: z.array(share),
});
export type Overview = z.output<typeof overview>;

/** What befalls a machine, and what its owner does. */
export const labVerbs = ['off', 'on', 'cut', 'uncut', 'arrive', 'leave', 'stop-now', 'lend-again'] as const;
export type LabVerb = (typeof labVerbs)[number];
/** How the switches of a machine of the lab are set. */
export const labMachine = z.object({
  name: z.string(),
  power: z.enum(['on', 'off', 'hung']),
  /** Without a network. */
  cut: z.boolean(),
  /** Whether it has somebody who comes and goes. */
  owner: z.boolean(),
});
export type LabMachine = z.output<typeof labMachine>;

export const consoleProtocol = z.enum(['vnc', 'serial']);
export type ConsoleProtocol = z.output<typeof consoleProtocol>;
export const consoleBody = z.strictObject({
  protocol: consoleProtocol,
  /** Ends the session that somebody else has now; without it that one is left alone. Only screens can tell. */
  takeOver: z.boolean().default(false),
});
export const consoleTicket = z.object({
  /** Opens one console once, soon: as a sub-protocol of the WebSocket at `path`, beside plain.kubevirt.io. */
  ticket: z.string(),
  path: z.string(),
  virtualMachine: z.string(),
});
export type ConsoleTicket = z.output<typeof consoleTicket>;

/** An OpenAPI document. */
export const document = z.looseObject({ openapi: z.string() });

/** RFC 9457. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string(),
  instance: z.string().optional(),
  parameters: z.array(z.object({ parameter: z.string(), message: z.string() })).optional(),
});
export type ProblemBody = z.output<typeof problem>;

/** What a page asks of its live stream. */
export const streamRequest = z.union([
  z.strictObject({ op: z.literal('sub'), id: z.int(), topic: z.literal('jobs'), since: z.string().max(64).optional() }),
  z.strictObject({ op: z.literal('sub'), id: z.int(), topic: z.literal('machines') }),
  z.strictObject({
    op: z.literal('sub'),
    id: z.int(),
    topic: z.enum(['job', 'events', 'output', 'screen']),
    namespace: namespaceName,
    name: jobName,
  }),
  z.strictObject({ op: z.literal('unsub'), id: z.int() }),
]);
export type StreamRequest = z.output<typeof streamRequest>;
export type Subscription = Extract<StreamRequest, { op: 'sub' }>;

/** One thing that was told about a job, as an Event of the cluster. */
export type EventRow = Readonly<z.output<typeof eventRow>>;

/** What a page hears. `rev` is opaque: `since` of the next subscription goes on from there. */
export type StreamMessage =
  | { readonly type: 'hello'; readonly now: number; readonly user: string; readonly build: string }
  | { readonly type: 'beat'; readonly now: number }
  | { readonly type: 'snapshot'; readonly id: number; readonly rev: string; readonly items: readonly unknown[] }
  | {
      readonly type: 'delta';
      readonly id: number;
      readonly rev: string;
      readonly upserts: readonly unknown[];
      readonly deletes: readonly string[];
    }
  | { readonly type: 'object'; readonly id: number; readonly object: unknown }
  | {
      readonly type: 'output';
      readonly id: number;
      readonly pod: string;
      readonly attempt: number;
      readonly text: string;
    }
  /** How the screen of the job's guest looks now: the address of an image. */
  | { readonly type: 'still'; readonly id: number; readonly picture: string }
  | { readonly type: 'error'; readonly id: number; readonly problem: ProblemBody };
