// The switches of a lab of virtual machines: its control socket takes one request a connection, as lines of JSON.
// Promises: what the lab refuses is a Problem with the lab's words. Only a portal that a lab started has such a socket.

import { connect } from 'node:net';
import { z } from 'zod';
import { Problem } from '../server/problem.ts';
import { labMachine, type LabMachine, type LabVerb } from './schemas.ts';

const ownersVerbs: readonly LabVerb[] = ['arrive', 'leave', 'stop-now', 'lend-again'];

const view = z.object({ machines: z.array(z.looseObject({ ...labMachine.shape, owner: z.string() })) });
const answer = z.union([
  z.object({ ok: z.literal(true), data: z.unknown() }),
  z.object({ ok: z.literal(false), error: z.string() }),
]);

const patienceMs = 30_000;
const mostAnswerBytes = 4 * 1024 * 1024;

export class LabSwitches {
  readonly #path: string;

  /** @param path of the lab's control socket. */
  constructor(path: string) {
    this.#path = path;
  }

  async machines(): Promise<LabMachine[]> {
    const { machines } = view.parse(await this.#ask({ op: 'status' }));
    return machines.map(({ name, power, cut, owner }) => ({ name, power, cut, owner: owner !== 'none' }));
  }

  async turn(name: string, verb: LabVerb): Promise<void> {
    await this.#ask({ op: ownersVerbs.includes(verb) ? 'owner' : 'machine', verb, name });
  }

  /** Throws Problem 409 with what the lab says against it, 503 when no lab answers. */
  async #ask(request: object): Promise<unknown> {
    let text: string;
    try {
      text = await asked(this.#path, `${JSON.stringify(request)}\n`);
    } catch (error) {
      throw new Problem(503, 'the lab does not answer', { cause: error });
    }
    const parsed = answer.parse(JSON.parse(text));
    if (!parsed.ok) throw new Problem(409, parsed.error);
    return parsed.data;
  }
}

function asked(path: string, line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const client = connect(path);
    let heard = '';
    client.setEncoding('utf8');
    client.setTimeout(patienceMs, () => client.destroy(new Error('no answer in time')));
    client.on('data', (chunk: string) => {
      heard += chunk;
      if (heard.length > mostAnswerBytes) client.destroy(new Error('the answer is too long'));
    });
    client.once('end', () => (heard === '' ? reject(new Error('it ended before it answered')) : resolve(heard)));
    client.once('error', reject);
    client.write(line);
  });
}
