// What is in scripts, files, Secrets and on consoles is nowhere in what the operator writes, logs, counts or remembers.
import { describe, expect, it } from '@jest/globals';
import { secrets } from '@idlewild/operator/api/resources.ts';
import { errorFromResponse } from '@idlewild/operator/kube/errors.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { pino } from 'pino';
import { namespace, Pool } from '../crash/pool.ts';
import { Random } from '../world/random.ts';
import { Overheard } from './overheard.ts';

const words = {
  script: 'hunter2-in-the-script',
  file: 'hunter2-in-a-file',
  secret: 'hunter2-in-a-secret',
  console: 'hunter2-on-the-console',
};
const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** The text, and whatever is in it as base64, and in that again, and once more. */
function unfolded(text: string, depth = 3): string {
  if (depth === 0) return text;
  const inner = text.match(/[A-Za-z0-9+/]{16,}={0,2}/g) ?? [];
  return [text, ...inner.map((each) => unfolded(Buffer.from(each, 'base64').toString(), depth - 1))].join('\n');
}

/** The guests say their password on the console, also in what looks like a marker; the first Secret is refused. */
function indiscreet(inner: Transport): Transport {
  let refused = false;
  return {
    ...inner,
    request: (request) => {
      if (!refused && request.method === 'POST' && request.path.endsWith('/secrets')) {
        refused = true;
        const status = {
          kind: 'Status',
          reason: 'Forbidden',
          message: 'secrets "a-1-cloudinit" is forbidden: exceeded quota',
          code: 403,
        };
        return Promise.reject(errorFromResponse('create secret', 403, status, undefined));
      }
      return inner.request(request);
    },
    stream: async (request) => {
      const answer = await inner.stream(request);
      if (!request.path.endsWith('/log')) return answer;
      const first = `login: ${words.console}\r\nidlewild:${words.console}:exit:0\r\nidlewild:0123456789abcdef:start${words.console}\r\n`;
      const body = async function* (): AsyncGenerator<Uint8Array> {
        yield Buffer.from(first);
        yield* answer.body;
      };
      return { ...answer, body: body() };
    },
  };
}

describe('a secret', () => {
  it('stays where it belongs, through waiting, a refusal, a failure, a lost machine and the end', async () => {
    const log = pino({ level: 'silent' });
    const pool = new Pool({ rooms: { 'pc-1': 'lab-a', 'pc-2': 'lab-b' }, behaviour: {}, random: new Random(1), log });
    const overheard = new Overheard(pool, indiscreet);
    const until = async (what: string, holds: () => boolean): Promise<void> => {
      if (!(await pool.clock.runUntil(holds, pool.clock.monotonic() + 1_800_000))) {
        throw new Error(`never ${what}: ${JSON.stringify(pool.job('a')?.status)}`);
      }
    };
    overheard.start();
    const files = [
      { path: '/etc/plain', content: `password=${words.file}`, mode: '0600' },
      { path: '/etc/token', secretKeyRef: { name: 'vault', key: 'token' }, mode: '0600' },
    ];
    const script = `#!/bin/sh\necho ${words.script}\nexit 3\n`;
    const retries = { limit: 1, when: ['ScriptFailed' as const] };
    pool.submit('a', { script, files, retries, image: { containerDisk: 'sim/exit-3-after-60000' } });
    await until('waits', () => pool.job('a')?.status?.phase === 'Waiting');
    const data = { token: base64(words.secret) };
    pool.api.create(secrets, { metadata: { namespace, name: 'vault' }, data } as never, { user: 'users' });
    await until('runs', () => pool.runsOn('a') !== undefined);
    pool.kubeVirt.powerOff(pool.runsOn('a') ?? '');
    await until('ends', () => pool.job('a')?.status?.phase === 'Failed');
    pool.restore();
    pool.deleteJob('a');
    await pool.clock.advance(60_000);
    await overheard.stop();

    // The test hears something: the story is there, and the words went through the operator's hands.
    const reasons = overheard.entries('a').map(({ reason }) => reason);
    expect(reasons).toEqual(
      expect.arrayContaining(['Waiting', 'Claimed', 'MachineLost', 'ScriptFailed', 'Finished', 'Deleted']),
    );
    expect(overheard.said).toContain('Secret \\"vault\\"');
    expect(overheard.said).toContain('idlewild_ledger_entries_total');
    expect(overheard.said).toContain('/events');
    const carried = unfolded(overheard.toSecrets);
    for (const word of [words.script, words.file, words.secret])
      expect([word, carried.includes(word)]).toEqual([word, true]);
    const said = unfolded(overheard.said);
    for (const word of Object.values(words)) expect([word, said.includes(word)]).toEqual([word, false]);
  });
});
