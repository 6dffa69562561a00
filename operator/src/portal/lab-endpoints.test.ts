// The switches of a lab, asked over real HTTP by users with real rights; behind them the lab's own control socket.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Server } from 'node:net';
import { serveControl, type Request } from '@idlewild/lab/daemon/control.ts';
import { startRig, type Rig, type RigUser } from '../../../test/portal/rig.ts';
import type { Me } from './schemas.ts';

const dir = mkdtempSync(join(tmpdir(), 'portal-lab-'));
const asked: Request[] = [];
let lab: Server;
let rig: Rig;

beforeAll(async () => {
  const labControlSocket = join(dir, 'control.sock');
  lab = await serveControl(labControlSocket, async (request) => {
    if (request.op === 'status') {
      const machine = { room: 'lab-a', node: 'Ready', approved: true, closed: false, instances: [], guests: [] };
      return {
        machines: [
          { ...machine, name: 'pc-1', power: 'on', cut: false, owner: 'none' },
          { ...machine, name: 'pc-4', power: 'off', cut: true, owner: 'away' },
        ],
      };
    }
    asked.push(request);
    if (request.op === 'machine' && request.name === 'pc-4') throw new Error('machine off pc-4: it is off');
    return undefined;
  });
  rig = await startRig({ labControlSocket });
}, 60_000);
afterAll(async () => {
  await rig.stop();
  lab.close();
  rmSync(dir, { recursive: true, force: true });
});

async function ask(as: RigUser, path: string, body?: unknown) {
  const response = await fetch(`${rig.portal.url}/api/v1/${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      authorization: `Bearer ${rig.tokens[as]}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: (text === '' ? {} : JSON.parse(text)) as { detail?: string } };
}

describe('the switches of a lab', () => {
  it('are told to whoever may change machines', async () => {
    expect(((await ask('root', 'me')).body as unknown as Me).machines.switches).toBe(true);
    expect(((await ask('ann', 'me')).body as unknown as Me).machines.switches).toBe(false);
    expect(await ask('root', 'lab/machines')).toEqual({
      status: 200,
      body: {
        items: [
          { name: 'pc-1', power: 'on', cut: false, owner: false },
          { name: 'pc-4', power: 'off', cut: true, owner: true },
        ],
      },
    });
    expect((await ask('ann', 'lab/machines')).status).toBe(403);
  });

  it('are turned by those who may patch the machine, and by nobody else', async () => {
    expect((await ask('root', 'lab/machines/pc-1', { verb: 'off' })).status).toBe(204);
    expect((await ask('root', 'lab/machines/pc-4', { verb: 'arrive' })).status).toBe(204);
    expect((await ask('ann', 'lab/machines/pc-1', { verb: 'off' })).status).toBe(403);
    expect(asked).toEqual([
      { op: 'machine', verb: 'off', name: 'pc-1' },
      { op: 'owner', verb: 'arrive', name: 'pc-4' },
    ]);
  });

  it('say why they cannot be turned', async () => {
    const refused = await ask('root', 'lab/machines/pc-4', { verb: 'off' });
    expect(refused).toMatchObject({ status: 409, body: { detail: 'machine off pc-4: it is off' } });
    expect((await ask('root', 'lab/machines/pc-1', { verb: 'explode' })).status).toBe(400);
  });

  it('are not there outside of a lab', async () => {
    const other = await startRig();
    try {
      const headers = { authorization: `Bearer ${other.tokens.root}` };
      expect((await fetch(`${other.portal.url}/api/v1/lab/machines`, { headers })).status).toBe(404);
    } finally {
      await other.stop();
    }
  }, 60_000);
});
