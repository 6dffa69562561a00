// Recorded traces of jobs, as CSV or JSON lines.
//
// CSV: a first line with the names of the columns, in any order, out of those below; JSON lines: one object per job with the
// same names. Needed are `at`, `cores`, `memory` and `seconds`.
//   at         seconds since the beginning, or RFC 3339 (the beginning is then midnight, UTC, before the earliest)
//   seconds    how long the script works
//   cores, memory, disk, priority, mode, walltime   as in a ComputeJob's spec
//   namespace  "recorded" unless told
//   name       made from the line's number unless told
//   exit       exit code, 0 unless told
// Promises: refuses what it cannot read with the line's number, the column and what is allowed.

import { z } from 'zod';
import { dayMs } from '../owners/visit.ts';
import type { JobPlan, SpecAsked, Workload } from './job-plan.ts';

const number = z.union([
  z.number(),
  z
    .string()
    .regex(/^\d+(\.\d+)?$/, 'must be a number')
    .transform(Number),
]);
const label = z.string().regex(/^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/, 'must be a DNS label of at most 40 characters');
const row = z.strictObject({
  at: z.union([number, z.string().refine((text) => !Number.isNaN(Date.parse(text)), 'must be seconds or RFC 3339')]),
  seconds: number,
  cores: number.pipe(z.number().int().min(1)),
  memory: z.string().min(1),
  disk: z.string().min(1).optional(),
  priority: z.enum(['Low', 'Normal', 'High', 'Urgent']).optional(),
  mode: z.enum(['Batch', 'Session']).optional(),
  walltime: z.string().min(1).optional(),
  namespace: label.default('recorded'),
  name: label.optional(),
  exit: number.pipe(z.number().int().min(0).max(255)).default(0),
});
type Row = z.output<typeof row>;

export function parseJobTrace(text: string): Workload {
  const lines = text
    .split('\n')
    .map((line, index) => ({ line: line.trim(), number: index + 1 }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'));
  const first = lines[0];
  if (!first) throw new TypeError('the trace holds no job');
  const json = first.line.startsWith('{');
  const columns = first.line.split(',').map((name) => name.trim());
  const rows = (json ? lines : lines.slice(1)).map(({ line, number: at }) => ({
    number: at,
    row: parsed(json ? jsonOf(line, at) : fields(columns, line, at), at),
  }));
  const origin = originOf(rows.map((each) => each.row));
  const jobs = rows.map((each) => planOf(each.row, each.number, origin)).sort((a, b) => a.atMs - b.atMs);
  return { jobs, namespaces: new Map(jobs.map(({ namespace }) => [namespace, {}])) };
}

function planOf(from: Row, line: number, originMs: number): JobPlan {
  const { at, seconds, cores, memory, disk, priority, mode, walltime, namespace, exit } = from;
  const spec: SpecAsked = {
    mode: mode ?? 'Batch',
    image: { containerDisk: 'recorded/image' },
    ...(mode === 'Session' ? {} : { script: 'exec recorded' }),
    resources: { cores, memory, ...(disk === undefined ? {} : { disk }) },
    ...(priority === undefined ? {} : { priority }),
    ...(walltime === undefined ? {} : { walltime }),
  };
  return {
    atMs: Math.round(typeof at === 'number' ? at * 1000 : Date.parse(at) - originMs),
    namespace,
    name: from.name ?? `job-${line}`,
    spec,
    truth: { workMs: Math.round(seconds * 1000), exitCode: exit, crashes: 0, silent: 0 },
  };
}

function originOf(rows: readonly Row[]): number {
  const dates = rows.flatMap(({ at }) => (typeof at === 'string' ? [Date.parse(at)] : []));
  if (dates.length === 0) return 0;
  if (dates.length !== rows.length) throw new TypeError('the trace mixes dates with seconds; use one of them');
  return Math.floor(Math.min(...dates) / dayMs) * dayMs;
}

function fields(columns: readonly string[], line: string, at: number): unknown {
  const values = line.split(',').map((value) => value.trim());
  if (values.length !== columns.length) {
    throw new TypeError(`line ${at}: has ${values.length} columns, but the first line names ${columns.length}`);
  }
  return Object.fromEntries(columns.map((name, index) => [name, values[index]]).filter(([, value]) => value !== ''));
}

function jsonOf(line: string, at: number): unknown {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new TypeError(`line ${at}: is no JSON`, { cause: error });
  }
}

function parsed(value: unknown, at: number): Row {
  const result = row.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new TypeError(`line ${at}: ${issue?.path.join('.') || 'columns'}: ${issue?.message}`);
}
