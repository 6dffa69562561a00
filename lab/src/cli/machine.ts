// `machine ...`: the switches of lab machines, and new machines.
import { parseArgs } from 'node:util';
import { quantityToBytes } from '@idlewild/operator/api/quantity.ts';
import { ask, machineVerbs, type MachineVerb, type NewMachine } from '../daemon/control.ts';
import { layoutOf } from '../daemon/layout.ts';
import { dirOption } from './status.ts';

const done: Readonly<Record<MachineVerb, string>> = {
  off: 'has no power',
  on: 'has power again',
  cut: 'is cut off from the network',
  uncut: 'is on the network again',
  hang: 'hangs',
  resume: 'goes on',
};

export async function machineCommand(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      ...dirOption,
      room: { type: 'string' },
      cores: { type: 'string' },
      memory: { type: 'string' },
      desktop: { type: 'boolean' },
    },
  });
  const [verb, name, ...rest] = positionals;
  const words = [...machineVerbs, 'add'].join(', ');
  if (verb === undefined || name === undefined || rest.length > 0)
    throw new Error(`say one of ${words}, and a machine`);
  const socket = layoutOf(values.dir).controlSocket;
  if (verb === 'add') {
    await ask(socket, { op: 'add', name, machine: wanted(values) });
    console.log(`machine ${name} is ready`);
    return;
  }
  const known = machineVerbs.find((each) => each === verb);
  if (known === undefined) throw new Error(`"${verb}" is not allowed; one of ${words} is`);
  await ask(socket, { op: 'machine', verb: known, name });
  console.log(`machine ${name} ${done[known]}`);
}

function wanted(flags: { room?: string; cores?: string; memory?: string; desktop?: boolean }): NewMachine {
  const { room, cores, memory, desktop } = flags;
  return {
    ...(room === undefined ? {} : { room }),
    ...(cores === undefined ? {} : { cores: Number(cores) }),
    ...(desktop === undefined ? {} : { desktop }),
    ...(memory === undefined ? {} : { memoryMiB: Math.floor(quantityToBytes(memory) / 2 ** 20) }),
  };
}
