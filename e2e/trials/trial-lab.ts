// A lab that is to be struck again and again: dedicated machines, a few in each room, and a witness.
// Its losses are meant to be independent, but all in one room within minutes look to the operator like one calamity, after which it
// would start jobs a few at a time.
import { startLab, type LabCluster } from '../src/cluster.ts';

/** Real guests run in an emulator; light ones are small processes under the same holder and switches. */
export type Guests = 'real' | 'light';

/** A new lab has so many machines without owners; an owner's machine lends only after a pause. */
const dedicated = 3;
const perRoom = 4;

export async function labForTrials(machines: number, guests: Guests = 'real'): Promise<LabCluster> {
  const cluster = await startLab({
    machines: Math.min(machines, dedicated),
    witness: true,
    guests,
    operatorFlags: ['--restarts-per-room=1000'],
  });
  try {
    for (let number = dedicated + 1; number <= machines; number += 1) {
      const room = `lab-${String.fromCharCode('a'.charCodeAt(0) + Math.floor((number - 1) / perRoom))}`;
      const added = await cluster.lab('machine', 'add', `pc-${number}`, '--room', room);
      if (added.code !== 0) throw new Error(`lab machine add pc-${number}: ${added.stderr}${added.stdout}`);
    }
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}
