// `owner ...`: somebody comes to a desktop machine of the lab, goes, or tells its agent to stop.
import { parseArgs } from 'node:util';
import { ask, ownerVerbs, type OwnerVerb } from '../daemon/control.ts';
import { layoutOf } from '../daemon/layout.ts';
import { dirOption } from './status.ts';

const done: Readonly<Record<OwnerVerb, (machine: string) => string>> = {
  arrive: (machine) => `somebody sits at ${machine} and types`,
  leave: (machine) => `nobody touches ${machine} any more`,
  'stop-now': (machine) => `${machine} is its owner's until \`lend-again\``,
  'lend-again': (machine) => `${machine} may be lent when nobody uses it`,
};

export async function ownerCommand(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: dirOption });
  const [name, verb, ...rest] = positionals;
  const words = ownerVerbs.join(', ');
  if (name === undefined || verb === undefined || rest.length > 0)
    throw new Error(`say a machine, and one of ${words}`);
  const known = ownerVerbs.find((each) => each === verb);
  if (known === undefined) throw new Error(`"${verb}" is not allowed; one of ${words} is`);
  await ask(layoutOf(values.dir).controlSocket, { op: 'owner', verb: known, name });
  console.log(done[known](name));
}
