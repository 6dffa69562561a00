// Which processor model guests get: one that every machine of the pool can offer, so that they can move between all of them.
// Promises: pure; the same pool gives the same answer. The order follows libvirt's model list, older generations first.

import { inPool, type Machine } from './machine.ts';

/** Named x86 models from the least to the most capable; client and server lines are merged by generation. */
const ladder = [
  'qemu64',
  'kvm64',
  'Conroe',
  'Penryn',
  'Opteron_G1',
  'Opteron_G2',
  'Opteron_G3',
  'Nehalem',
  'Westmere',
  'Opteron_G4',
  'Opteron_G5',
  'SandyBridge',
  'IvyBridge',
  'Haswell-noTSX',
  'Haswell',
  'Broadwell-noTSX',
  'Broadwell',
  'Skylake-Client-noTSX-IBRS',
  'Skylake-Client',
  'EPYC',
  'EPYC-IBPB',
  'Skylake-Server-noTSX-IBRS',
  'Skylake-Server',
  'Cascadelake-Server-noTSX',
  'Cascadelake-Server',
  'EPYC-Rome',
  'Icelake-Server-noTSX',
  'Icelake-Server',
  'EPYC-Milan',
  'EPYC-Genoa',
  'SapphireRapids',
  'GraniteRapids',
  'EPYC-Turin',
];

/**
 * The best named model that most machines of the pool with this architecture have: all of them, wherever that is possible.
 * Machines without it start nothing, as what they started could not move to the others. Machines that report no models do
 * not vote. Undefined when none reports any: guests then get their host's own model and may not be able to move.
 */
export function baselineModel(machines: readonly Machine[], architecture: string): string | undefined {
  const votes = new CpuModelVotes();
  for (const machine of machines) votes.add(machine);
  return votes.choice(architecture);
}

/** The same, kept up to date machine by machine. */
export class CpuModelVotes {
  readonly #votes = new Map<string, Map<string, number>>();

  add(machine: Machine): void {
    this.#count(machine, 1);
  }

  remove(machine: Machine): void {
    this.#count(machine, -1);
  }

  choice(architecture: string): string | undefined {
    let best: { model: string; votes: number } | undefined;
    for (const [model, votes] of this.#votes.get(architecture) ?? []) {
      if (!best || votes > best.votes || (votes === best.votes && isBetter(model, best.model))) best = { model, votes };
    }
    return best?.model;
  }

  /** By architecture. */
  choices(): Map<string, string> {
    const choices = new Map<string, string>();
    for (const architecture of [...this.#votes.keys()].sort()) {
      const model = this.choice(architecture);
      if (model !== undefined) choices.set(architecture, model);
    }
    return choices;
  }

  #count(machine: Machine, by: 1 | -1): void {
    if (!inPool(machine)) return;
    let votes = this.#votes.get(machine.architecture);
    if (!votes) this.#votes.set(machine.architecture, (votes = new Map<string, number>()));
    for (const model of machine.cpuModels) {
      const next = (votes.get(model) ?? 0) + by;
      if (next === 0) votes.delete(model);
      else votes.set(model, next);
    }
    if (votes.size === 0) this.#votes.delete(machine.architecture);
  }
}

/** Models that the ladder does not know come last. */
function isBetter(a: string, b: string): boolean {
  const [x, y] = [ladder.indexOf(a), ladder.indexOf(b)];
  return x === y ? a < b : x > y;
}
