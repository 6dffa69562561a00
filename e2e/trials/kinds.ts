// What can befall a machine, and what must come of it.
import type { AgentVerb, MachineVerb } from '@idlewild/lab/daemon/control.ts';

/** A part of the lab that is killed, and started again by the lab. */
export type Program = 'apiserver' | 'operator';

export interface Kind {
  readonly name: string;
  /** `replaced`: the machine's jobs start again elsewhere. `kept`: its guests must not notice. */
  readonly outcome: 'replaced' | 'kept';
  readonly machine?: MachineVerb;
  readonly agent?: AgentVerb;
  /** Killed at the same moment. */
  readonly kill?: Program;
  /** What makes it good again. */
  readonly remedy?: { readonly machine: MachineVerb } | { readonly agent: AgentVerb };
}

export const kinds: readonly Kind[] = [
  { name: 'power-off', outcome: 'replaced', machine: 'off', remedy: { machine: 'on' } },
  { name: 'network-cut', outcome: 'replaced', machine: 'cut', remedy: { machine: 'uncut' } },
  { name: 'agent-kill', outcome: 'kept', agent: 'kill' },
  { name: 'agent-stop', outcome: 'replaced', agent: 'stop', remedy: { agent: 'cont' } },
  { name: 'machine-stop', outcome: 'replaced', machine: 'hang', remedy: { machine: 'resume' } },
  { name: 'api-restart', outcome: 'kept', kill: 'apiserver' },
  {
    name: 'api-restart-and-power-off',
    outcome: 'replaced',
    machine: 'off',
    kill: 'apiserver',
    remedy: { machine: 'on' },
  },
  {
    name: 'operator-restart-and-power-off',
    outcome: 'replaced',
    machine: 'off',
    kill: 'operator',
    remedy: { machine: 'on' },
  },
];

/** Throws with the names that are allowed. */
export function kindsNamed(names: readonly string[]): Kind[] {
  return names.map((name) => {
    const found = kinds.find((kind) => kind.name === name);
    if (found !== undefined) return found;
    throw new Error(`--kinds: "${name}" is not allowed; ${kinds.map((kind) => kind.name).join(', ')} are`);
  });
}
