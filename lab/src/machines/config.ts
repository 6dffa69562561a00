// What the lab tells one machine's process at its start: who it is, how it reaches the rest, and where it may keep things.
// Written by the daemon as one JSON file, since a command line would show the machine's key to everybody.
import { readFileSync } from 'node:fs';

export interface MachineConfig {
  readonly name: string;
  /** Machines of one room tend to fail together. */
  readonly room: string;
  /** 1 for the first machine of the lab: makes the addresses of its pods differ from those of others. */
  readonly number: number;
  readonly cores: number;
  readonly memoryMiB: number;
  /** Of its disk, for guests. */
  readonly diskMiB: number;
  /** The API server, through this machine's link. */
  readonly server: string;
  readonly caPem: string;
  /** Certificate of system:node:<name>: client to the API server and to other machines, server of the kubelet endpoint. */
  readonly certPem: string;
  readonly keyPem: string;
  /** Where the machine serves; its link brings callers here. */
  readonly socket: string;
  /** The port under which callers find it. */
  readonly port: number;
  /** Where the machine dials other machines: one line with the name, then bytes. */
  readonly peerPort: number;
  readonly dir: string;
  readonly runtime: string;
  /** Shared by all machines of the lab: two guests boot at a time. */
  readonly bootQueue: string;
  /** Control groups that a guest joins; empty without cgroups. */
  readonly guestCgroups: readonly string[];
  /** The file of the agent's lease, by which guests live; without it they live as long as the machine's process. */
  readonly lease?: string;
  /** Where the lab hears what guests say on a second serial line; without it they have none. */
  readonly witness?: string;
  /** In the place of QEMU, and with its arguments: for guests that are small processes. */
  readonly guestProgram?: readonly string[];
  readonly accel: 'tcg' | 'kvm';
}

export function readConfig(file: string): MachineConfig {
  const config = JSON.parse(readFileSync(file, 'utf8')) as MachineConfig;
  const texts = ['name', 'room', 'server', 'caPem', 'certPem', 'keyPem', 'socket', 'dir', 'runtime'] as const;
  for (const field of texts) {
    if (typeof config[field] !== 'string' || config[field] === '')
      throw new Error(`${file}: ${field}: a text is needed`);
  }
  for (const field of ['cores', 'memoryMiB', 'port', 'peerPort', 'number'] as const) {
    if (!(config[field] > 0)) throw new Error(`${file}: ${field}: a number above 0 is needed`);
  }
  return config;
}
