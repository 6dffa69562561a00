// How long a guest takes to move that stands still for an owner: with the share of the processor that guests are held back to, and
// with all of it, as the agent lets those have that move. Alternately, in the same run, from one machine of the lab to itself.

import { join } from 'node:path';
import type { Logger } from 'pino';
import { Throttle } from '@idlewild/agent/throttle/throttle.ts';
import { defaultCacheDir, ensureImage } from '@idlewild/lab/images/cache.ts';
import type { GuestSpec } from '@idlewild/lab/virt/qemu/guest-spec.ts';
import { Guest } from '@idlewild/lab/virt/qemu/guest.ts';
import { compared, type Figure } from '../core/figures.ts';

export interface MoveOptions {
  /** A control group of guests. */
  readonly group: string;
  readonly folder: string;
  readonly log: Logger;
  readonly rounds: number;
  readonly say: (what: string) => void;
}

/** Moves of a held back guest are given up after this. */
const timeoutMs = 600_000;

export async function throttledMove(o: MoveOptions): Promise<Figure> {
  const { group, folder, log, rounds, say } = o;
  const image = await ensureImage('lab/tiny', { cacheDir: defaultCacheDir(), log });
  const throttle = new Throttle({
    groups: [group],
    pods: [],
    owners: [],
    proc: '/proc',
    file: join(folder, 'move.json'),
    log,
  });
  const pairs: { value: number; bare: number }[] = [];
  for (let round = 1; round <= rounds; round += 1) {
    say(`moves: round ${round} of ${rounds}`);
    const bare = await moveMs(o, spec(image, `free-${round}`), () => undefined);
    const value = await moveMs(o, spec(image, `held-${round}`), () => throttle.apply(true));
    throttle.apply(false);
    pairs.push({ value, bare });
  }
  const note = `median of ${rounds} rounds; "bare client" is the same with all of the processor, as the agent lets it have`;
  return compared({ name: 'move of a frozen guest that is held back', unit: 'ms', note }, pairs);
}

async function moveMs({ group, folder, log }: MoveOptions, what: GuestSpec, hold: () => void): Promise<number> {
  const cgroupProcs = [join(group, 'cgroup.procs')];
  const start = (side: string, incoming: boolean, procs: string[]): Promise<Guest> =>
    Guest.start(what, { dir: join(folder, `${what.id}-${side}`), log, incoming, cgroupProcs: procs });
  const source = await start('source', false, cgroupProcs);
  // The other machine is nobody's.
  const target = await start('target', true, []);
  try {
    await printed(source, /filled/);
    await source.pause();
    hold();
    const began = performance.now();
    const arrived = target.arrived({ timeoutMs, paused: true });
    await source.migrateTo(await target.prepareIncoming(), { timeoutMs });
    await arrived;
    return performance.now() - began;
  } finally {
    await Promise.all([source.kill(), target.kill()]);
  }
}

/** With most of its memory written to, as a guest has that works. */
function spec(image: GuestSpec['image'], id: string): GuestSpec {
  const script = 'mount -o remount,size=90% /tmp; head -c 80000000 /dev/urandom >/tmp/file; echo filled; sleep 9999';
  return {
    ...{ id, image, cores: 1, memoryMiB: 192, disks: [{ name: 'root', kind: 'root' }] },
    seed: { userData: `#!/bin/sh\n${script}\n`, metaData: `{"instance-id":"${id}","local-hostname":"${id}"}` },
    ...{ graphics: false, network: false, accel: 'tcg' },
  };
}

function printed(guest: Guest, pattern: RegExp): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`the guest only printed: ${text}`)), 120_000);
    guest.attachSerial().on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (!pattern.test(text)) return;
      clearTimeout(timer);
      resolve();
    });
  });
}
