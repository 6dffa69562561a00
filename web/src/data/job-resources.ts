// What a job asked for, what its guest was given and what it uses, beside each other; and what all of its guests have used so far.
// Promises: pure; no figure that nobody measured or wrote down: such a cell is `unknown`, and says why where that is known.

import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import type { JobResources } from '@idlewild/operator/portal/schemas.ts';
import { quantityToMebibytes } from '@idlewild/operator/api/quantity.ts';
import { memory } from './machine-state.ts';
import { clockTime, span } from './time.ts';

/** `why` is empty where it is plain. */
export type Cell = { readonly text: string } | { readonly unknown: true; readonly why: string };

interface ResourceRow {
  readonly what: string;
  readonly asked: string;
  readonly given: Cell;
  readonly used: Cell;
  /** Of what was given, from 0 to 1, where both are known. */
  readonly share?: number;
}

const text = (value: string): Cell => ({ text: value });
const unknown = (why = ''): Cell => ({ unknown: true, why });

/** @param told undefined while the portal has not answered. */
export function resourceRows({ spec }: ComputeJob, told: JobResources | undefined): readonly ResourceRow[] {
  const { cores, disk, graphicsMemory, gpus } = spec.resources;
  const { given, used } = told ?? {};
  const noGiven = told?.unknown.given ?? (told === undefined ? 'not asked yet' : 'KubeVirt does not say');
  const noUsed = told?.unknown.used ?? 'not asked yet';
  const whenUsed = used === undefined ? '' : ` (at ${clockTime(used.at)}, over ${Math.round(used.windowSeconds)} s)`;
  const overhead = given?.overheadMiB === undefined ? '' : ` and ${memory(given.overheadMiB)} for running it`;
  const onlyTheGuest = 'only the guest itself could tell';
  const rows: ResourceRow[] = [
    {
      what: 'Cores',
      asked: String(cores),
      given: given?.cores === undefined ? unknown(noGiven) : text(String(given.cores)),
      used: used === undefined ? unknown(noUsed) : text(`${used.cores.toFixed(2)}${whenUsed}`),
      ...shareOf(used?.cores, given?.cores),
    },
    {
      what: 'Memory',
      asked: memory(quantityToMebibytes(spec.resources.memory)),
      given: given?.memoryMiB === undefined ? unknown(noGiven) : text(`${memory(given.memoryMiB)}${overhead}`),
      used: used === undefined ? unknown(noUsed) : text(`${memory(used.memoryMiB)} of the machine’s${whenUsed}`),
      ...shareOf(used?.memoryMiB, given?.memoryMiB && given.memoryMiB + (given.overheadMiB ?? 0)),
    },
  ];
  if (disk !== undefined) {
    const asked = memory(quantityToMebibytes(disk));
    rows.push({ what: 'Disk', asked, given: unknown('KubeVirt does not report it'), used: unknown(onlyTheGuest) });
  }
  if (graphicsMemory !== undefined) {
    const asked = memory(quantityToMebibytes(graphicsMemory));
    rows.push({
      what: 'Graphics memory',
      asked,
      given: unknown('KubeVirt does not report it'),
      used: unknown(onlyTheGuest),
    });
  }
  if (gpus > 0) {
    const given = unknown('KubeVirt does not report it');
    rows.push({ what: 'Graphics processors', asked: String(gpus), given, used: unknown(onlyTheGuest) });
  }
  return rows;
}

function shareOf(used: number | undefined, of: number | undefined): { share: number } | object {
  return used === undefined || of === undefined || of <= 0 ? {} : { share: Math.min(1, used / of) };
}

interface Account {
  readonly what: string;
  readonly text: string;
}

/** @param nowMs the server's time. @returns what the ledger has charged and what was lost, and for how long the guest now has its machine. */
export function accountOf({ spec, status = {} }: ComputeJob, nowMs: number): readonly Account[] {
  const { usage, attempts = [], finishTime } = status;
  const { cores } = spec.resources;
  const rows: Account[] = [];
  const ended = attempts.filter((attempt) => attempt.ended !== undefined).length;
  if (usage !== undefined) {
    const over = ended === 1 ? 'of the attempt that is over' : `of ${ended} attempts that are over`;
    rows.push({ what: 'Core time charged', text: `${span((usage.coreSeconds ?? 0) * 1000)}, ${over}` });
    if (usage.memoryGiBSeconds !== undefined) {
      const hours = usage.memoryGiBSeconds / 3600;
      rows.push({ what: 'Memory charged', text: `${hours.toFixed(hours < 10 ? 2 : 0)} GiB hours` });
    }
    if ((usage.lostCoreSeconds ?? 0) > 0) {
      rows.push({ what: 'Core time lost, not charged', text: span((usage.lostCoreSeconds ?? 0) * 1000) });
    }
  }
  const last = attempts.at(-1);
  if (last?.claimed !== undefined && last.ended === undefined && finishTime === undefined) {
    const frozen = status.ladder?.frozen;
    const stillMs =
      (last.secondsStill ?? 0) * 1000 + (frozen === undefined ? 0 : Math.max(0, nowMs - Date.parse(frozen)));
    const heldMs = Math.max(0, nowMs - Date.parse(last.claimed));
    const still = stillMs >= 1000 ? `; stood still for ${span(stillMs)} of it, which is not charged` : '';
    const counted = span(Math.max(0, heldMs - stillMs) * cores);
    rows.push({ what: 'This attempt so far', text: `${counted} of core time in ${span(heldMs)}${still}` });
  }
  if (rows.length === 0) rows.push({ what: 'Core time charged', text: 'none so far' });
  return rows;
}
