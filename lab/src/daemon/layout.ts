// Where a lab keeps things: one directory that outlives the lab's processes, and one short directory for sockets, since the
// path of a unix socket may have 107 characters at most. Two labs in two directories share neither.
import { createHash } from 'node:crypto';
import { join, resolve } from 'node:path';

export interface LabLayout {
  readonly dir: string;
  readonly kubeconfig: string;
  readonly pki: string;
  readonly tokens: string;
  readonly apiserver: string;
  readonly logs: string;
  /** Programs for the user: kubectl. */
  readonly bin: string;
  readonly stateFile: string;
  /** What guests said on their second serial line; see Witness. */
  readonly witness: string;
  /** Sockets and locks of this lab; made at start and removed at the end. */
  readonly runtime: string;
  readonly controlSocket: string;
  readonly bootQueue: string;
  /** Name of the lab's control groups. */
  readonly cgroup: string;
}

/** @param dir the lab's directory, relative to the working directory or absolute. */
export function layoutOf(dir: string): LabLayout {
  const absolute = resolve(dir);
  const name = `idlewild-${createHash('sha256').update(absolute).digest('hex').slice(0, 8)}`;
  const runtime = join('/tmp', name);
  return {
    dir: absolute,
    kubeconfig: join(absolute, 'kubeconfig'),
    pki: join(absolute, 'pki'),
    tokens: join(absolute, 'tokens.csv'),
    apiserver: join(absolute, 'apiserver'),
    logs: join(absolute, 'logs'),
    bin: join(absolute, 'bin'),
    stateFile: join(absolute, 'state.json'),
    witness: join(absolute, 'witness.log'),
    runtime,
    controlSocket: join(runtime, 'control.sock'),
    bootQueue: join(runtime, 'boots'),
    cgroup: name,
  };
}

export interface MachineLayout {
  readonly dir: string;
  readonly config: string;
  readonly socket: string;
  readonly runtime: string;
  /** What its agent takes for the machine's file system. */
  readonly host: string;
  /** Where its owner speaks to its agent. */
  readonly ownerSocket: string;
  /** Below `host`, where its agent looks for them: gone when it loses power. */
  readonly fence: string;
  readonly lease: string;
  readonly switchHeartbeat: string;
  readonly witnessSocket: string;
}

export function machineLayoutOf(lab: LabLayout, machine: string): MachineLayout {
  const dir = join(lab.dir, 'machines', machine);
  const runtime = join(lab.runtime, machine);
  const host = join(dir, 'host');
  const fence = join(host, 'run', 'idlewild');
  return {
    dir,
    config: join(dir, 'config.json'),
    runtime,
    socket: join(runtime, 'machine.sock'),
    host,
    // Not in `runtime`, which the machine's process clears when it starts.
    ownerSocket: join(lab.runtime, `${machine}-owner.sock`),
    fence,
    lease: join(fence, 'lease'),
    switchHeartbeat: join(fence, 'switch'),
    witnessSocket: join(lab.runtime, `${machine}-witness.sock`),
  };
}
