import { afterAll, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SerialLine } from './serial-line.ts';

const folder = await mkdtemp(join(tmpdir(), 'idlewild-serial-'));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function line(name: string): Promise<{ serial: SerialLine; guest: Socket }> {
  const server = createServer().listen(join(folder, name));
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const serial = new SerialLine(connect(join(folder, name)));
  const [guest] = await accepted;
  server.close();
  return { serial, guest };
}

it('drops a viewer that does not read, and nobody else notices', async () => {
  const { serial, guest } = await line('slow');
  const slow = serial.attach();
  const reader = serial.attach();
  let received = 0;
  reader.on('data', (chunk: Buffer) => (received += chunk.length));
  const dropped = once(slow, 'error') as Promise<[Error]>;
  const size = 3 << 20;
  guest.write(Buffer.alloc(size, 'x'));
  expect((await dropped)[0].message).toBe('the viewer of the serial line does not read');
  while (received < size) await once(reader, 'data');
  expect(received).toBe(size);
  guest.destroy();
});

it('ends all viewers with the guest, also those that come later', async () => {
  const { serial, guest } = await line('end');
  const viewer = serial.attach().resume();
  guest.destroy();
  await once(viewer, 'end');
  const late = serial.attach().resume();
  await once(late, 'end');
  late.on('error', () => undefined);
  expect(late.readableEnded).toBe(true);
});
