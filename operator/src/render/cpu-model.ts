// Which processor model guests get: one that every machine of the pool can offer, so that they can move between all of them.
// Promises: pure; the same pool gives the same answer. The order follows libvirt's model list, older generations first.

import { inPool, type Machine } from '../model/machine.ts';

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
 * The best named model that all machines of the pool with this architecture have; machines that report no models yet do
 * not count. Undefined when there is none: the guest then gets its host's own model and may not be able to move.
 */
export function baselineModel(machines: readonly Machine[], architecture: string): string | undefined {
  const reporting = machines.filter(
    (machine) => inPool(machine) && machine.architecture === architecture && machine.cpuModels.length > 0,
  );
  const [first, ...others] = reporting;
  if (!first) return undefined;
  const common = first.cpuModels.filter((model) => others.every(({ cpuModels }) => cpuModels.includes(model)));
  return common.sort((a, b) => ladder.indexOf(b) - ladder.indexOf(a) || (a < b ? -1 : 1))[0];
}
