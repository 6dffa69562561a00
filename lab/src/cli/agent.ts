// `agent ...`: what befalls the agent of a machine while everything else on it goes on.
import { parseArgs } from 'node:util';
import { agentVerbs, ask, type AgentVerb } from '../daemon/control.ts';
import { layoutOf } from '../daemon/layout.ts';
import { dirOption } from './status.ts';

const done: Readonly<Record<AgentVerb, string>> = {
  kill: 'was killed, and is started again',
  stop: 'stands still',
  cont: 'goes on',
};

export async function agentCommand(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: dirOption });
  const [verb, name, ...rest] = positionals;
  const words = agentVerbs.join(', ');
  if (verb === undefined || name === undefined || rest.length > 0)
    throw new Error(`say one of ${words}, and a machine`);
  const known = agentVerbs.find((each) => each === verb);
  if (known === undefined) throw new Error(`"${verb}" is not allowed; one of ${words} is`);
  await ask(layoutOf(values.dir).controlSocket, { op: 'agent', verb: known, name });
  console.log(`the agent of ${name} ${done[known]}`);
}
