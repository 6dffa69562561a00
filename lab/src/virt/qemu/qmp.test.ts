// The control protocol: what its lines mean, and that every command comes to an end.
import { afterEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Qmp } from './qmp.ts';
import { LineSplitter, parseQmpLine } from './qmp-message.ts';

describe('a line of the protocol', () => {
  it.each([
    [
      'a greeting',
      '{"QMP":{"version":{"qemu":{"micro":22,"minor":2,"major":7},"package":""},"capabilities":["oob"]}}',
      { kind: 'greeting', version: '7.2.22' },
    ],
    ['an answer', '{"return":{"running":true},"id":4}', { kind: 'return', id: 4, value: { running: true } }],
    [
      'a refusal',
      '{"id":5,"error":{"class":"GenericError","desc":"no such thing"}}',
      { kind: 'error', id: 5, errorClass: 'GenericError', message: 'no such thing' },
    ],
    [
      'an event with its time in ms',
      '{"timestamp":{"seconds":10,"microseconds":2500},"event":"STOP"}',
      { kind: 'event', event: { name: 'STOP', data: {}, atMs: 10_003 } },
    ],
  ])('can be %s', (_name, line, message) => {
    expect(parseQmpLine(line)).toEqual(message);
  });

  it.each(['{}', '[]', 'null', '{"return":1', 'hello'])('is refused when it is %s', (line) => {
    expect(() => parseQmpLine(line)).toThrow();
  });

  it('is put together from the chunks it comes in', () => {
    const splitter = new LineSplitter();
    expect(['{"a', '":1}\r\n{"b":2}\n', '', '\r\n{"c"', ':3}\n'].flatMap((chunk) => splitter.push(chunk))).toEqual([
      '{"a":1}',
      '{"b":2}',
      '{"c":3}',
    ]);
  });
});

describe('a control connection', () => {
  const closers: (() => void | Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  /** Plays QEMU: answers each command as told; undefined is silence. */
  async function serve(
    answer: (command: string, id: number) => object | undefined,
  ): Promise<{ qmp: Qmp; peer: Socket }> {
    const dir = await mkdtemp(join(tmpdir(), 'idlewild-qmp-'));
    closers.push(() => rm(dir, { recursive: true }));
    const path = join(dir, 'q.sock');
    const connecting = Qmp.connect(path, AbortSignal.timeout(5000));
    let server: Server | undefined;
    const peer = await new Promise<Socket>((resolve) => {
      server = createServer((socket) => {
        const lines = new LineSplitter();
        socket.setEncoding('utf8').on('data', (chunk: string) => {
          for (const line of lines.push(chunk)) {
            const { execute, id } = JSON.parse(line) as { execute: string; id: number };
            const reply = execute === 'qmp_capabilities' ? { return: {}, id } : answer(execute, id);
            if (reply !== undefined) socket.write(`${JSON.stringify(reply)}\n`);
          }
        });
        resolve(socket);
      }).listen(path);
    });
    closers.push(() => void server?.close());
    const qmp = await connecting;
    closers.push(() => qmp.close());
    return { qmp, peer };
  }

  it('waits for the socket to appear, and gives each command its own answer', async () => {
    const { qmp } = await serve((command, id) => ({ return: `${command} done`, id }));
    expect(await Promise.all([qmp.execute('a'), qmp.execute('b')])).toEqual(['a done', 'b done']);
  });

  it('passes a refusal on with the name of the command', async () => {
    const { qmp } = await serve((_command, id) => ({ error: { class: 'GenericError', desc: 'not now' }, id }));
    await expect(qmp.execute('cont')).rejects.toMatchObject({ kind: 'refused', message: 'cont: not now' });
  });

  it('gives up a command that is never answered', async () => {
    const { qmp } = await serve(() => undefined);
    await expect(qmp.execute('stop', undefined, 50)).rejects.toMatchObject({ kind: 'timeout' });
  });

  it('ends every command and every wait when the connection closes', async () => {
    const { qmp, peer } = await serve(() => undefined);
    const [command, event] = [qmp.execute('stop'), qmp.waitFor(() => true, 5000)];
    peer.destroy();
    await expect(command).rejects.toMatchObject({ kind: 'closed' });
    await expect(event).rejects.toMatchObject({ kind: 'closed' });
    await expect(qmp.execute('cont')).rejects.toMatchObject({ kind: 'closed' });
  });

  it('hands out the awaited event, and ends the wait by time or by signal', async () => {
    const { qmp, peer } = await serve(() => undefined);
    const stop = qmp.waitFor(({ name }) => name === 'STOP', 5000);
    for (const event of ['RESUME', 'STOP']) {
      peer.write(`${JSON.stringify({ event, timestamp: { seconds: 1, microseconds: 0 } })}\n`);
    }
    expect(await stop).toEqual({ name: 'STOP', data: {}, atMs: 1000 });
    await expect(qmp.waitFor(() => true, 20)).rejects.toMatchObject({ kind: 'timeout' });
    await expect(qmp.waitFor(() => true, 5000, AbortSignal.abort(new Error('enough')))).rejects.toThrow('enough');
  });
});
