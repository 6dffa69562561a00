// The machines of a lab before anything happens to them: rooms, sizes, processors, and which of them are slow or unreliable.
// Promises: seeded; a fleet of n machines has rooms of every kind as soon as there are enough machines for that.

import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { annotations, labels } from '@idlewild/operator/model/names.ts';
import type { OwnedMachine, RoomKind } from '../owners/patterns.ts';
import type { Random } from '../world/random.ts';

export interface FleetMachine extends OwnedMachine {
  readonly cores: number;
  readonly memoryMiB: number;
  readonly diskMiB: number;
  readonly vendor: 'Intel' | 'AMD';
  /** How many times longer everything takes on it. */
  readonly slowness: number;
  /** Loses its power again and again. */
  readonly flaps: boolean;
}

const roomSize = 24;
const fewestRooms = 3;
const baseline = ['Nehalem', 'Westmere'];
const newer = ['SandyBridge', 'Haswell-noTSX', 'Skylake-Client-noTSX-IBRS'];

export function planFleet(random: Random, count: number): FleetMachine[] {
  const rooms = Math.min(count, Math.max(fewestRooms, Math.ceil(count / roomSize)));
  const kinds: RoomKind[] = Array.from({ length: rooms }, (_, index) => kindOf(index, rooms));
  return Array.from({ length: count }, (_, index) => {
    const room = index % rooms;
    const own = random.fork(`machine/${index}`);
    const ofRoom = random.fork(`room/${room}`);
    const cores = ofRoom.pick([2, 4, 4, 6, 8, 12]);
    const memoryMiB = cores * ofRoom.pick([2048, 3072, 4096]);
    return {
      name: `pc-${String(index + 1).padStart(4, '0')}`,
      room: `room-${room + 1}`,
      kind: kinds[room] ?? 'office',
      cores,
      memoryMiB,
      diskMiB: ofRoom.pick([20, 50, 100]) * 1024,
      vendor: ofRoom.chance(0.65) ? 'Intel' : 'AMD',
      slowness: own.chance(0.03) ? own.between(3, 8) : 1,
      flaps: own.chance(0.02),
    };
  });
}

/** One room in ten has machines that nobody sits at; the others are shared between offices and courses. */
function kindOf(index: number, rooms: number): RoomKind {
  if (index % 10 === 2 && rooms >= fewestRooms) return 'dedicated';
  return index % 2 === 0 ? 'office' : 'teaching';
}

/** The Node as the machine's agent and KubeVirt have labelled it. */
export function nodeOf(
  machine: FleetMachine,
  o: { readonly since: string; readonly random: Random; readonly fenced: boolean },
): Node {
  const { name, room, kind, cores, memoryMiB, diskMiB, vendor } = machine;
  const models = [...baseline, ...newer.slice(0, o.random.fork(`cpu/${room}`).whole(0, newer.length))];
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      annotations: { [annotations.offer]: JSON.stringify({ since: o.since }) },
      labels: {
        [labels.approved]: 'true',
        [labels.pool]: 'on',
        [labels.class]: kind === 'dedicated' ? 'dedicated' : 'desktop',
        [labels.presence]: 'away',
        ...(o.fenced ? { [labels.fence]: 'armed' } : {}),
        [labels.lendCores]: String(cores),
        [labels.lendMemory]: String(memoryMiB),
        [labels.lendDisk]: String(diskMiB),
        [labels.room]: room,
        [labels.hostname]: name,
        [labels.architecture]: 'amd64',
        [labels.schedulable]: 'true',
        [`cpu-vendor.node.kubevirt.io/${vendor}`]: 'true',
        'machine-type.node.kubevirt.io/pc-q35-9.2': 'true',
        ...Object.fromEntries(models.map((model) => [`cpu-model.node.kubevirt.io/${model}`, 'true'])),
      },
    },
    spec: {},
    status: {
      // The owner's programs have the rest of the machine.
      capacity: { cpu: cores + 2, memory: `${memoryMiB + 4096}Mi`, pods: 110 },
      allocatable: { cpu: cores + 2, memory: `${memoryMiB + 3072}Mi`, pods: 110 },
      conditions: [{ type: 'Ready', status: 'True' }],
      images: [],
    },
  };
}
