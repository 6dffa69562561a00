// The file by which the switch of a machine knows until when guests may live: written by the agent at each renewal, read by the
// switch on the host, and by the next agent.
// Promises: what it says is in its content, never in its times; it is replaced as a whole; what cannot be understood is no
// permission.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

export interface Permission {
  /** As in /proc/sys/kernel/random/boot_id. */
  readonly boot: string;
  /** Until when all guests may live, in seconds as the first number of /proc/uptime. */
  readonly deadlineS: number;
  /** The same for guests that may live longer, by the uid of their pod. */
  readonly pods: ReadonlyMap<string, number>;
}

export function permissionText({ boot, deadlineS, pods }: Permission): string {
  // Never rounded up.
  const line = (name: string, untilS: number): string => `${name} ${(Math.floor(untilS * 100) / 100).toFixed(2)}\n`;
  return [line(boot, deadlineS), ...[...pods].map(([pod, untilS]) => line(pod, untilS))].join('');
}

/** Undefined when it is none. */
export function parsePermission(text: string): Permission | undefined {
  const lines = text.split('\n').filter((line) => line !== '');
  const parsed = lines.map((line) => /^(\S+) (\d+(?:\.\d+)?)$/.exec(line));
  const [first, ...pods] = parsed.map((match) => match && ([match[1] ?? '', Number(match[2])] as const));
  if (!first) return undefined;
  return { boot: first[0], deadlineS: first[1], pods: new Map(pods.filter((pod) => pod !== null)) };
}

/** Undefined when there is none. */
export function readPermission(file: string): Permission | undefined {
  try {
    return parsePermission(readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

/** Throws the system's error. */
export function writePermission(file: string, permission: Permission): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(`${file}.tmp`, permissionText(permission));
  renameSync(`${file}.tmp`, file);
}

/** From now on no guest may live. Throws the system's error. */
export function withdrawPermission(file: string): void {
  rmSync(file, { force: true });
}
