// Conversations with a played agent: what a guest answers, and every way in which it fails to.
import { afterAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { askAgent } from './guest-agent.ts';

const folder = mkdtempSync(join(tmpdir(), 'idlewild-agent-'));
const servers: Server[] = [];
afterAll(() => {
  for (const server of servers) server.close();
  rmSync(folder, { recursive: true });
});

interface Command {
  readonly execute: string;
  readonly arguments: { readonly id?: number };
}

/** An agent that answers each command with the lines given, or hangs up. Answers where it listens. */
async function agent(answer: (command: Command) => string | 'hang up'): Promise<string> {
  const path = join(folder, `${servers.length}.sock`);
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (line) => {
      const said = answer(JSON.parse(line.toString('utf8')) as Command);
      if (said === 'hang up') socket.end();
      else socket.write(said);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return path;
}

const good: Readonly<Record<string, unknown>> = {
  'guest-info': { version: '7.2.22', supported_commands: [] },
  'guest-get-host-name': { 'host-name': 'server' },
  'guest-get-osinfo': { id: 'debian', 'pretty-name': 'Debian GNU/Linux 12', 'version-id': '12', variant: 'x' },
};
const reply = ({ execute, arguments: { id } }: Command): string =>
  `${JSON.stringify({ return: execute === 'guest-sync' ? id : good[execute] })}\n`;

describe('the agent in a guest', () => {
  it('says its version, the host name and the operating system', async () => {
    expect(await askAgent(await agent(reply))).toEqual({
      agentVersion: '7.2.22',
      hostname: 'server',
      os: { id: 'debian', prettyName: 'Debian GNU/Linux 12', versionId: '12' },
    });
  });

  it('is not taken for its answers to an earlier conversation', async () => {
    const stale = '{"return":{"version":"stale"}}\n{"return":1}\n';
    const path = await agent((command) => (command.execute === 'guest-sync' ? stale + reply(command) : reply(command)));
    expect((await askAgent(path)).agentVersion).toBe('7.2.22');
  });

  it.each<[string, (command: Command) => string, RegExp]>([
    ['hangs up', () => 'hang up', /closed its port/],
    ['is silent', () => '', /did not answer within 100 ms/],
    ['babbles', () => 'hello\n', /does not speak JSON/],
    ['says too much', () => 'x'.repeat(2 ** 21), /says too much/],
    [
      'refuses',
      (command) => (command.execute === 'guest-sync' ? reply(command) : '{"error":{"desc":"disabled"}}\n'),
      /guest-info: disabled/,
    ],
  ])('that %s is told', async (what, answer, says) => {
    await expect(askAgent(await agent(answer), what === 'is silent' ? 100 : 20_000)).rejects.toThrow(says);
  });

  it('that is not there is told', async () => {
    await expect(askAgent(join(folder, 'absent.sock'))).rejects.toThrow(/ENOENT/);
  });
});
