// The lab's command line: one word chooses the command; every command takes --dir. Commands live in cli/.
import { agentCommand } from './cli/agent.ts';
import { imageCommand } from './cli/image.ts';
import { machineCommand } from './cli/machine.ts';
import { ownerCommand } from './cli/owner.ts';
import { downCommand, statusCommand } from './cli/status.ts';
import { tokenCommand } from './cli/token.ts';
import { upCommand } from './cli/up.ts';
import { NotRunning } from './daemon/control.ts';
import { inWords } from './daemon/preflight.ts';

const usage = `usage: npm run lab -- COMMAND [--dir DIR]

  up [--detach] [--machines N] [--port N] [--no-operator] [--no-portal]
                             start the lab; Ctrl-C ends it. --detach returns when it is ready.
                             --operator-flag=FLAG hands a flag to the operator, any number of times
                             --witness notes in DIR/witness.log what guests say on /dev/ttyS1
                             --guests light: processes in the place of emulators, for trials of what is around them
  token [NAME [--namespace NS]]
                             what to log in to the portal with: as the admin, or as a user of one namespace
  status [--json]            machines, jobs and what does not run
  down                       end the lab; its data stays in DIR (default: .lab)
  machine off|on NAME        power cut; power back
  machine cut|uncut NAME     pull the network cable; plug it in
  machine hang|resume NAME   everything on the machine stops where it stands; goes on
  machine add NAME [--room R] [--cores N] [--memory 2Gi] [--desktop]
  owner NAME arrive|leave    somebody sits down at a desktop machine, and goes
  owner NAME stop-now|lend-again
                             what its owner tells its agent
  agent kill|stop|cont NAME  the machine's agent dies (and is started again), stands still, goes on
  image build NAME           build a guest image now instead of on first use`;

const commands: Readonly<Record<string, (args: string[]) => Promise<void>>> = {
  up: upCommand,
  status: statusCommand,
  token: tokenCommand,
  down: downCommand,
  machine: machineCommand,
  owner: ownerCommand,
  agent: agentCommand,
  image: imageCommand,
};

const given = process.argv.slice(2);
const [word = 'help', ...args] = given;
const asked = word === 'help' || given.includes('--help') || given.includes('-h');
const command = asked ? undefined : commands[word];
if (command === undefined) {
  (asked ? console.log : console.error)(asked ? usage : `there is no command ${word}\n\n${usage}`);
  process.exitCode = asked ? 0 : 2;
} else {
  try {
    await command(args);
  } catch (error) {
    const hint = error instanceof NotRunning ? '; start one with: npm run lab -- up' : '';
    console.error(`lab ${word}: ${inWords(error)}${hint}`);
    process.exitCode = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true ? 2 : 1;
  }
}
