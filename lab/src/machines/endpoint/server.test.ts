// The logs of a machine as the API server asks for them, over HTTPS with certificates of one authority.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@idlewild/operator/kube/clock.ts';
import { pino } from 'pino';
import { Agent, request } from 'undici';
import { ensurePki } from '../../pki/pki.ts';
import { endpointServer } from './server.ts';

let dir: string;
let server: Server;
let agent: Agent;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'endpoint-'));
  const { caPem, issue } = await ensurePki(join(dir, 'pki'));
  const [own, client] = await Promise.all([issue('machine', { hosts: ['127.0.0.1'] }), issue('client')]);
  const file = join(dir, 'c.log');
  await writeFile(file, '2030-01-01T00:00:00.000Z stdout F hello\n');
  server = endpointServer({
    caPem,
    ...own,
    clock: systemClock,
    log: pino({ level: 'silent' }),
    logOf: (_namespace, pod) => (pod === 'p' ? { file, ended: () => true } : undefined),
    handle: () => Promise.resolve({ status: 404 }),
    upgrade: (_request, _raw, socket) => void socket.destroy(),
    receiver: () => undefined,
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  agent = new Agent({ connect: { ca: caPem, cert: client.certPem, key: client.keyPem } });
});
afterAll(async () => {
  await agent.destroy();
  await new Promise((resolve) => {
    server.close(resolve);
    server.closeAllConnections();
  });
  await rm(dir, { recursive: true });
});

async function ask(path: string): Promise<{ status: number; message: unknown }> {
  const { port } = server.address() as AddressInfo;
  const answer = await request(`https://127.0.0.1:${port}${path}`, { dispatcher: agent });
  const body = (await answer.body.json()) as { message: unknown };
  return { status: answer.statusCode, message: body.message };
}

describe('the log of a container', () => {
  it.each([
    [
      'of an earlier run is not there',
      'p/c?previous=true',
      400,
      'previous terminated container "c" in pod "p" not found',
    ],
    ['of a pod of another machine is not known', 'q/c', 404, 'container c in pod q is not known here'],
    ['is refused for a count that is none', 'p/c?tailLines=-1', 400, 'tailLines: "-1" is not a whole number from 0'],
  ])('%s', async (_case, path, status, message) => {
    expect(await ask(`/containerLogs/lab/${path}`)).toEqual({ status, message });
  });
});
