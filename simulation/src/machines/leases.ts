// The machines' leases as the operator would observe them, without a write every two seconds for each machine.
// Promises: silence counts from the last renewal that the API server would have stored.

import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { LeaseObservations } from '@idlewild/operator/recovery/observations.ts';
import type { Hosts } from '../kubevirt/hosts.ts';

export class MachineLeases extends LeaseObservations {
  readonly #hosts: Hosts;
  readonly #now: Clock;

  constructor(hosts: Hosts, clock: Clock) {
    super(clock);
    this.#hosts = hosts;
    this.#now = clock;
  }

  override saw(): void {}

  override of(machine: string): { readonly silentMs: number; readonly renewed: boolean } {
    const host = this.#hosts.get(machine);
    return { silentMs: this.#now.monotonic() - host.heardMs, renewed: true };
  }
}
