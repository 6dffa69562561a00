// No guest is made where nothing would isolate it.

import type { NetworkPolicy } from '@idlewild/operator/api/kubernetes.ts';
import { networkPolicies, virtualMachines } from '@idlewild/operator/api/resources.ts';
import { keyOf } from '@idlewild/operator/kube/object.ts';
import type { Write } from '../api/memory-api.ts';
import type { Check, CheckContext } from './check.ts';

export class IsolationChecks implements Check {
  readonly #o: CheckContext;

  constructor(o: CheckContext) {
    this.#o = o;
  }

  saw({ type, kind, object }: Write): void {
    if (type !== 'ADDED' || kind.type.plural !== virtualMachines.plural) return;
    const { namespace = '' } = object.metadata;
    const policy = this.#o.simulation.api.get<NetworkPolicy>(networkPolicies, { namespace, name: 'idlewild-guests' });
    if (policy?.spec.policyTypes?.length === 2) return;
    const message = `VirtualMachine ${keyOf(object)} was made while nothing isolated the guests of its namespace`;
    this.#o.accuse('guests are isolated', message, [`${keyOf(object)} `, `${namespace}/idlewild-guests`]);
  }
}
