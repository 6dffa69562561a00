// How many guests run on this machine, by its own processes.
// Promises: no question to the cluster, which may be away just then. Unknown, not none, where no place of guests is known.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { groupsBelow, guestGroups, type GuestPlaces } from '../throttle/guest-groups.ts';

/** The kernel keeps 15 characters of a name. */
const hypervisor = /^qemu-(?:kvm|system-)/;

export function countGuests(places: GuestPlaces): number | undefined {
  if (places.groups.length + places.pods.length === 0) return undefined;
  const groups = guestGroups(places).flatMap((dir) => [dir, ...groupsBelow(dir)]);
  const processes = new Set(groups.flatMap((dir) => textOf(join(dir, 'cgroup.procs')).split('\n')));
  return [...processes].filter((pid) => /^[1-9]/.test(pid) && hypervisor.test(textOf(join(places.proc, pid, 'comm'))))
    .length;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
