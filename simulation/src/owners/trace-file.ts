// Recorded traces of owners, as CSV or JSON lines.
//
// CSV: lines `machine,from,to`; a first line with exactly these names is allowed. JSON lines: {"machine", "from", "to"}.
// A time is RFC 3339, or seconds since the beginning as a number. The beginning is midnight (UTC) before the earliest time if
// times are dates, 0 otherwise. Recorded machine names are given to the simulated machines in the order of the file, and over
// again when there are more machines than names; a trace shorter than the simulation is repeated by whole weeks or days.
// Promises: refuses what it cannot read with the line's number and what is allowed.

import { dayMs, joined, type Owners, type Visit } from './visit.ts';

/** Recorded machine name to its visits, ms since the beginning. */
export type OwnerTrace = ReadonlyMap<string, readonly Visit[]>;

export function parseOwnerTrace(text: string): OwnerTrace {
  const rows = text.split('\n').flatMap((raw, index) => {
    const line = raw.trim();
    if (line === '' || line.startsWith('#') || (index === 0 && line.replaceAll(' ', '') === 'machine,from,to'))
      return [];
    return [line.startsWith('{') ? jsonRow(line, index + 1) : csvRow(line, index + 1)];
  });
  if (rows.length === 0) throw new TypeError('the trace holds no visit');
  const dated = rows.filter(({ dated: is }) => is).length;
  if (dated !== 0 && dated !== rows.length) throw new TypeError('the trace mixes dates with seconds; use one of them');
  const earliest = Math.min(...rows.map(({ fromMs }) => fromMs));
  const origin = dated === 0 ? 0 : Math.floor(earliest / dayMs) * dayMs;
  const visits = new Map<string, Visit[]>();
  for (const { machine, fromMs, toMs } of rows) {
    const own = visits.get(machine) ?? [];
    own.push({ fromMs: fromMs - origin, toMs: toMs - origin });
    visits.set(machine, own);
  }
  return new Map([...visits].map(([machine, own]) => [machine, joined(own)]));
}

export class TracedOwners implements Owners {
  readonly #visits = new Map<string, readonly Visit[]>();
  readonly #periodMs: number;

  constructor(trace: OwnerTrace, machines: readonly string[]) {
    const recorded = [...trace.values()];
    machines.forEach((machine, index) => this.#visits.set(machine, recorded[index % recorded.length] ?? []));
    const last = recorded.reduce((latest, visits) => Math.max(latest, visits.at(-1)?.toMs ?? 0), 0);
    const days = Math.max(1, Math.ceil(last / dayMs));
    // Whole weeks where there are any, so that a Sunday stays a Sunday.
    this.#periodMs = (days > 7 ? Math.ceil(days / 7) * 7 : days) * dayMs;
  }

  visitsOn(machine: string, day: number): readonly Visit[] {
    const shift = Math.floor((day * dayMs) / this.#periodMs) * this.#periodMs;
    const begin = day * dayMs - shift;
    return (this.#visits.get(machine) ?? [])
      .filter(({ fromMs }) => fromMs >= begin && fromMs < begin + dayMs)
      .map(({ fromMs, toMs }) => ({ fromMs: fromMs + shift, toMs: toMs + shift }));
  }
}

interface Row {
  readonly machine: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly dated: boolean;
}

function csvRow(line: string, number: number): Row {
  const parts = line.split(',').map((part) => part.trim());
  if (parts.length !== 3) throw new TypeError(`line ${number}: must be "machine,from,to", not "${line}"`);
  return row(parts[0] ?? '', parts[1] ?? '', parts[2] ?? '', number);
}

function jsonRow(line: string, number: number): Row {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw new TypeError(`line ${number}: is no JSON`, { cause: error });
  }
  const { machine, from, to } = value as Record<string, unknown>;
  if (typeof machine !== 'string') throw new TypeError(`line ${number}: machine must be a text`);
  return row(machine, from, to, number);
}

function row(machine: string, from: unknown, to: unknown, number: number): Row {
  if (machine === '') throw new TypeError(`line ${number}: machine must not be empty`);
  const [start, end] = [time(from, 'from', number), time(to, 'to', number)];
  if (end.ms < start.ms) throw new TypeError(`line ${number}: to must not be before from`);
  return { machine, fromMs: start.ms, toMs: end.ms, dated: start.dated };
}

function time(value: unknown, field: string, number: number): { ms: number; dated: boolean } {
  if (typeof value === 'number' || (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value))) {
    const seconds = Number(value);
    if (Number.isFinite(seconds) && seconds >= 0) return { ms: seconds * 1000, dated: false };
  }
  const ms = typeof value === 'string' && /^\d{4}-/.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms))
    throw new TypeError(`line ${number}: ${field} must be RFC 3339 or seconds, not "${String(value)}"`);
  return { ms, dated: true };
}
