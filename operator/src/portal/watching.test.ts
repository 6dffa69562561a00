// A screen that somebody has already: the second one is told, looks on at pictures, and may take over.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventEmitter } from 'node:events';
import { WebSocket, WebSocketServer } from 'ws';
import { aJob } from '../../../test/builders/job.ts';
import { startRig, type Rig, type RigUser } from '../../../test/portal/rig.ts';
import { KubeError } from '../kube/errors.ts';
import { eventually } from '@idlewild/lab/apiserver/test-server.ts';
import type { StreamMessage } from './schemas.ts';

let rig: Rig;
let guests: WebSocketServer;
const dialled: string[] = [];
let hasScreen = true;

beforeAll(async () => {
  guests = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  await EventEmitter.once(guests, 'listening');
  const { port } = guests.address() as { port: number };
  rig = await startRig({
    // In KubeVirt's words of some version: nothing in them says that the screen is in use.
    dial: async ({ path }) => {
      dialled.push(path);
      if (path.endsWith('preserveSession=true')) throw new KubeError('bad handshake', { kind: 'server' });
      const socket = new WebSocket(`ws://127.0.0.1:${port}`);
      // At once: what a guest says first must not be lost.
      socket.once('open', () => socket.pause());
      await EventEmitter.once(socket, 'open');
      return socket;
    },
    answer: ({ path }) => {
      if (!path.endsWith('/virtualmachineinstances/desk-1/vnc/screenshot')) return undefined;
      if (!hasScreen) throw new KubeError('the guest does not answer', { kind: 'server' });
      return { status: 200, headers: { 'content-type': 'image/png' }, body: Buffer.from('a picture') };
    },
  });
  const desk = aJob('desk', { console: 'VNC' }).published().claimedBy('pc-1').created(1).started(2).job;
  await rig.put(desk, 'team-a');
}, 60_000);
afterAll(async () => {
  await rig.stop();
  guests.close();
});

const at = (path: string): string => rig.portal.url.replace('http', 'ws') + path;
const bearer = (user: RigUser) => ({ authorization: `Bearer ${rig.tokens[user]}` });

async function console(o: { protocol: 'vnc' | 'serial'; takeOver?: boolean }): Promise<WebSocket> {
  const path = `${rig.portal.url}/api/v1/namespaces/team-a/jobs/desk/consoles`;
  const headers = { ...bearer('ann'), 'content-type': 'application/json' };
  const made = await fetch(path, { method: 'POST', headers, body: JSON.stringify(o) });
  const { ticket } = (await made.json()) as { ticket: string };
  return new WebSocket(at('/api/v1/consoles'), ['plain.kubevirt.io', `ticket.${ticket}`], { headers: bearer('ann') });
}

async function heard(user: RigUser): Promise<StreamMessage> {
  const socket = new WebSocket(at('/api/v1/stream'), { headers: bearer(user) });
  try {
    await EventEmitter.once(socket, 'open');
    socket.send(JSON.stringify({ op: 'sub', id: 1, topic: 'screen', namespace: 'team-a', name: 'desk' }));
    for (;;) {
      const [data] = (await EventEmitter.once(socket, 'message')) as [Buffer];
      const message = JSON.parse(data.toString()) as StreamMessage;
      if (message.type === 'still' || message.type === 'error') return message;
    }
  } finally {
    socket.terminate();
  }
}

describe('a screen that somebody else has', () => {
  it('is told from one that is not there by whether there is a picture of it', async () => {
    const [inUse] = (await EventEmitter.once(await console({ protocol: 'vnc' }), 'close')) as [number];
    expect(inUse).toBe(4409);
    hasScreen = false;
    const [notThere] = (await EventEmitter.once(await console({ protocol: 'vnc' }), 'close')) as [number];
    expect(notThere).toBe(4404);
    hasScreen = true;
  });

  it('is taken over when that is asked for', async () => {
    const socket = await console({ protocol: 'vnc', takeOver: true });
    await eventually(
      () => Promise.resolve(dialled.at(-1)),
      (path) => path?.endsWith('/desk-1/vnc') === true,
    );
    await eventually(
      () => Promise.resolve(guests.clients.size),
      (size) => size === 1,
    );
    socket.terminate();
  });

  it('is shown in pictures to those who may have pictures of it', async () => {
    const picture = `data:image/png;base64,${Buffer.from('a picture').toString('base64')}`;
    expect(await heard('ann')).toEqual({ type: 'still', id: 1, picture });
    expect(await heard('viv')).toMatchObject({ type: 'error', problem: { status: 403 } });
    expect(await heard('nemo')).toMatchObject({ type: 'error', problem: { status: 403 } });
  });
});

describe('a page whose terminal is behind', () => {
  it('makes the guest wait, and hears the rest when it says so', async () => {
    const arrived = EventEmitter.once(guests, 'connection') as Promise<[WebSocket]>;
    const page = await console({ protocol: 'serial' });
    let bytes = 0;
    page.on('message', (data: Buffer) => (bytes += data.length));
    const [guest] = await arrived;
    guest.send(Buffer.alloc(100));
    await eventually(
      () => Promise.resolve(bytes),
      (count) => count === 100,
    );
    page.send('wait');
    // The relay has heard it when the guest can no longer get rid of what it prints.
    const chunk = Buffer.alloc(256 * 1024);
    let sent = 100;
    await eventually(
      () => {
        guest.send(chunk);
        sent += chunk.length;
        return Promise.resolve(guest.bufferedAmount);
      },
      (waiting) => waiting > 8 * 1024 * 1024,
    );
    expect(bytes).toBeLessThan(sent);
    page.send('go');
    await eventually(
      () => Promise.resolve(bytes),
      (count) => count === sent,
    );
    page.terminate();
  }, 60_000);
});
