// What the lab remembers over its own restarts: the machines and their power, the ports in use, and the processes it started.
// Promises: the file is replaced whole, so that a kill leaves the old or the new one; a damaged file is refused by name.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ProcessIdentity } from '../machines/cgroup/processes.ts';

export type Power = 'on' | 'off' | 'hung';

/** A lab machine as its owner would describe it. */
export interface MachineEntry {
  readonly name: string;
  /** Machines that tend to fail together; becomes topology.kubernetes.io/zone. */
  readonly room: string;
  readonly cores: number;
  readonly memoryMiB: number;
  /** It has an owner, who comes and goes; without one it lends always. */
  readonly desktop?: boolean;
  readonly power: Power;
  readonly cut: boolean;
  /** The port under which others reach the machine; kept so that its Node object stays right. */
  readonly port?: number;
  /** The admin's approval was given once, when the machine first registered. */
  readonly approved?: boolean;
}

export interface LabState {
  readonly version: 1;
  /** Kept so that a kubeconfig in somebody's shell stays right over restarts. */
  readonly apiPort?: number;
  readonly portalPort?: number;
  readonly machines: readonly MachineEntry[];
  /** The running daemon and its children, to be found again after a kill -9. */
  readonly processes: Readonly<Record<string, ProcessIdentity>>;
}

export const maxMachines = 64;

/** The lab a newcomer gets: pc-1 to pc-3 in one room, the rest with owners in another. */
export function defaultMachines(count = 5): MachineEntry[] {
  return Array.from({ length: count }, (_, index) => ({
    name: `pc-${index + 1}`,
    room: index < 3 ? 'lab-a' : 'lab-b',
    cores: 4,
    memoryMiB: 3072,
    ...(index < 3 ? {} : { desktop: true }),
    power: 'on' as const,
    cut: false,
  }));
}

/** The state in the file, or undefined when there is none. Throws when the file is not one of ours. */
export function readState(file: string): LabState | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return checked(JSON.parse(text));
  } catch (error) {
    throw new Error(
      `${file} is damaged (${(error as Error).message}); remove the file to start with default machines`,
      {
        cause: error,
      },
    );
  }
}

function checked(value: unknown): LabState {
  const state = value as LabState;
  if (state.version !== 1) throw new Error(`version: ${String(state.version)} is not 1`);
  if (!Array.isArray(state.machines)) throw new Error('machines: not a list');
  for (const machine of state.machines as MachineEntry[]) {
    if (typeof machine.name !== 'string') throw new Error('machines[].name: not a string');
    if (!['on', 'off', 'hung'].includes(machine.power)) throw new Error(`machines[${machine.name}].power: unknown`);
  }
  return { ...state, processes: state.processes ?? {} };
}

export function writeState(file: string, state: LabState): void {
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.${process.pid}.partial`;
  writeFileSync(partial, JSON.stringify(state, null, 2) + '\n', { mode: 0o600 });
  renameSync(partial, file);
}

/** The state with one machine changed. Throws when there is no such machine. */
export function withMachine(state: LabState, name: string, change: Partial<MachineEntry>): LabState {
  machineOf(state, name);
  return { ...state, machines: state.machines.map((each) => (each.name === name ? { ...each, ...change } : each)) };
}

export function machineOf(state: LabState, name: string): MachineEntry {
  const found = state.machines.find((machine) => machine.name === name);
  if (found) return found;
  throw new Error(`there is no machine ${name}; the lab has ${state.machines.map((each) => each.name).join(', ')}`);
}

/** A machine that somebody may come back to. Throws when there is no such machine, or nobody owns it. */
export function desktopOf(state: LabState, name: string): MachineEntry {
  const found = machineOf(state, name);
  if (found.desktop === true) return found;
  const desktops = state.machines.filter(({ desktop }) => desktop === true).map((each) => each.name);
  throw new Error(
    `${name} has no owner; ${desktops.length === 0 ? 'no machine of the lab has' : `those with one: ${desktops.join(', ')}`}`,
  );
}
