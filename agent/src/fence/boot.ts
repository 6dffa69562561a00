// The time since this machine was started, suspended time included, and which of its boots this is. Always the kernel's own, never
// below a root: these two are what the agent and the switch agree by.

import { readFileSync } from 'node:fs';

export interface BootClock {
  readonly id: string;
  /** Seconds. */
  now(): number;
}

/** Throws the system's error. */
export function bootClock(): BootClock {
  const id = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  return { id, now: () => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) };
}
