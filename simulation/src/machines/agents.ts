// All agents of a pool, and what tells them of their machines and guests.
// Promises: every machine that is added has one that works until it is stopped.

import { namespaces } from '@idlewild/operator/api/resources.ts';
import { machineLeaseNamespace } from '@idlewild/operator/model/names.ts';
import { SimulatedAgent, type AgentWorld } from './agent.ts';

export class Agents {
  readonly #agents: ReadonlyMap<string, SimulatedAgent>;

  constructor(machines: readonly string[], o: AgentWorld) {
    o.api.create(namespaces, { metadata: { name: machineLeaseNamespace } });
    this.#agents = new Map(machines.map((name) => [name, new SimulatedAgent(name, o)]));
    const sawGuest = ({ node }: { readonly node: string }): void => this.#agents.get(node)?.sawGuest();
    o.guests.watch({ started: sawGuest, moved: sawGuest });
    o.hosts.watch({
      silent: ({ name, on }) => {
        if (on && o.assumesRenewals) this.of(name).falls();
      },
      heard: ({ name }) => this.of(name).beat(),
    });
    this.beat();
  }

  /** Of all machines. */
  beat(): void {
    for (const agent of this.#agents.values()) agent.beat();
  }

  of(machine: string): SimulatedAgent {
    const agent = this.#agents.get(machine);
    if (!agent) throw new RangeError(`machine: "${machine}" has no agent`);
    return agent;
  }
}
