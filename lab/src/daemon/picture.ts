// The lab in a few lines: machines, jobs and what they do. Pure: the same world gives the same lines, for the live picture, for
// `status` and, line by line on change, for a log.
import type { AccelChoice } from '../virt/qemu/accel.ts';
import type { Power } from './state.ts';

export interface MachineView {
  readonly name: string;
  readonly room: string;
  readonly power: Power;
  readonly cut: boolean;
  /** What the API server believes: Ready, NotReady, Unknown, or absent. */
  readonly node: string;
  readonly approved: boolean;
  readonly owner: 'none' | 'there' | 'away';
  /** Cordoned, or tainted by the operator. */
  readonly closed: boolean;
  /** Names of the instances on it, with their phases, as the API has them. */
  readonly instances: readonly string[];
  /** Process ids of the emulators that live on it. */
  readonly guests: readonly number[];
}

export interface JobView {
  readonly name: string;
  readonly phase: string;
  readonly node: string;
  readonly attempt: number | undefined;
  readonly note: string;
}

export interface LabView {
  readonly server: string;
  readonly kubeconfig: string;
  readonly ready: boolean;
  /** Absent until it is chosen. */
  readonly accel?: AccelChoice;
  readonly operator?: { readonly pid?: number; /** Of /metrics, /healthz and /readyz. */ readonly url: string };
  /** Where a browser finds the portal; absent when there is none. */
  readonly portal?: string;
  readonly machines: readonly MachineView[];
  readonly jobs: readonly JobView[];
  /** Parts of the lab that should run and do not. */
  readonly missing: readonly string[];
}

const mostJobs = 12;

/** @param width longest line; longer ones are cut. */
export function renderPicture(view: LabView, width: number): string[] {
  const { machines, jobs } = view;
  const rows = machines.map((machine) => [
    machine.name,
    machine.room,
    powerOf(machine),
    nodeOf(machine),
    machine.owner === 'none' ? '-' : machine.owner,
    guestsOf(machine),
  ]);
  const newest = jobs.slice(-mostJobs);
  const hidden = jobs.length - newest.length;
  return [
    `idlewild lab  ${view.server}  ${count(machines.length, 'machine')}, ${count(jobs.length, 'job')}${
      view.ready ? '' : '  (starting)'
    }`,
    ...(view.accel === undefined ? [] : [accelInWords(view.accel)]),
    ...(view.portal === undefined ? [] : [`portal ${view.portal}  (a token to log in: npm run --silent lab -- token)`]),
    ...(view.missing.length === 0 ? [] : [`not running: ${view.missing.join(', ')}`]),
    ...table(['MACHINE', 'ROOM', 'POWER', 'NODE', 'OWNER', 'GUESTS'], rows),
    ...(newest.length === 0
      ? ['no jobs yet: kubectl apply -f samples/hello-batch.yaml']
      : table(['JOB', 'PHASE', 'NODE', 'ATTEMPT', 'NOTE'], newest.map(jobRow))),
    ...(hidden > 0 ? [`and ${count(hidden, 'older job')}`] : []),
  ].map((line) => (line.length > width ? `${line.slice(0, Math.max(0, width - 1))}…` : line));
}

/** What guests run with, and why. */
export function accelInWords({ accel, why }: AccelChoice): string {
  return accel === 'kvm' ? `guests run with KVM: ${why}` : `guests run emulated, which is slow: ${why}`;
}

/** What is worth a line in a log when `before` became `after`. */
export function changesBetween(before: LabView | undefined, after: LabView): string[] {
  const told = new Map(before?.machines.map((machine) => [machine.name, machineLine(machine)]));
  const jobs = new Map(before?.jobs.map((job) => [job.name, jobLine(job)]));
  const now = new Set(after.jobs.map(({ name }) => name));
  return [
    ...after.machines
      .map((machine) => [machine.name, machineLine(machine)] as const)
      .filter(([name, line]) => told.get(name) !== line),
    ...after.jobs.map((job) => [job.name, jobLine(job)] as const).filter(([name, line]) => jobs.get(name) !== line),
    ...[...jobs.keys()].filter((name) => !now.has(name)).map((name) => [name, `job ${name}: deleted`] as const),
  ].map(([, line]) => line);
}

function machineLine(machine: MachineView): string {
  return `machine ${machine.name}: ${powerOf(machine)}, ${nodeOf(machine)}, guests: ${guestsOf(machine)}`;
}

/** Of a machine without power the API server may believe for a while that its guests run. */
function guestsOf({ instances, power }: MachineView): string {
  if (instances.length === 0) return '-';
  return power === 'off' ? `none; the API has ${instances.join(', ')}` : instances.join(', ');
}

function jobLine({ name, phase, node, attempt, note }: JobView): string {
  const where = node === '' ? '' : ` on ${node}`;
  const which = attempt === undefined ? '' : `, attempt ${attempt}`;
  return `job ${name}: ${phase || 'new'}${where}${which}${note === '' ? '' : ` (${note})`}`;
}

function jobRow({ name, phase, node, attempt, note }: JobView): string[] {
  return [name, phase || 'new', node || '-', attempt === undefined ? '-' : String(attempt), note];
}

function powerOf({ power, cut }: MachineView): string {
  return cut ? `${power}, cut off` : power;
}

function nodeOf({ node, approved, closed }: MachineView): string {
  return [node, ...(approved ? [] : ['not approved']), ...(closed ? ['closed'] : [])].join(', ');
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Columns as wide as their widest cell, two spaces apart. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
}
