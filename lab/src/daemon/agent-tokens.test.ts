// An agent's token over the life of its machine: registered, gone, and there again under the same name.

import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import { transportFrom } from '@idlewild/operator/kube/credentials.ts';
import { eventually, TestServer } from '../apiserver/test-server.ts';
import { AgentTokens } from './agent-tokens.ts';
import { bootstrap } from './bootstrap.ts';

const node = '/api/v1/nodes/pc-1';
let server: TestServer;
let client: KubeClient;
const dir = mkdtempSync(join(tmpdir(), 'idlewild-tokens-'));
const file = join(dir, 'agent.token');

beforeAll(async () => {
  server = await TestServer.start();
  client = new KubeClient(
    transportFrom({ server: server.url, caPem: server.pki.caPem, token: 'admin', userAgent: 'test' }),
  );
  await bootstrap(client, join(import.meta.dirname, '../../../crds'));
});
afterAll(async () => {
  await client.raw.close();
  await server.stop();
  rmSync(dir, { recursive: true });
});

const register = async (): Promise<string | undefined> =>
  (await server.post('/api/v1/nodes', { metadata: { name: 'pc-1' } })).metadata.uid;
const read = () => server.ask('GET', node, { as: existsSync(file) ? readFileSync(file, 'utf8') : 'none' });

describe('the token of an agent', () => {
  it('comes with the machine, goes with its Node, and comes again when the name joins anew', async () => {
    const over = new AbortController();
    const said: string[] = [];
    let uid: string | undefined;
    const tokens = new AgentTokens({ client, nodeUid: () => uid, say: (line) => said.push(line), signal: over.signal });
    const kept = tokens.keep('pc-1', file);
    expect(existsSync(file)).toBe(false);
    uid = await register();
    await eventually(read, ({ status }) => status === 200);
    const first = readFileSync(file, 'utf8');
    await server.delete(node);
    expect(await read()).toMatchObject({ status: 401 });
    uid = await register();
    await eventually(read, ({ status }) => status === 200);
    expect(readFileSync(file, 'utf8')).not.toBe(first);
    over.abort();
    await kept;
    expect(said).toEqual([]);
  });
});
