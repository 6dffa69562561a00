// The operator's own HTTP server.
import { afterEach, describe, expect, it } from '@jest/globals';
import { networkInterfaces } from 'node:os';
import { pino } from 'pino';
import { Counter, Registry } from 'prom-client';
import { startServer, type RunningServer } from './server.ts';

const log = pino({ level: 'silent' });
let server: RunningServer | undefined;
afterEach(async () => {
  await server?.close();
});

async function ask(path: string, notReady: string[] = []): Promise<{ status: number; text: string; type: string }> {
  const registry = new Registry();
  new Counter({ name: 'idlewild_claims_total', help: 'Machines claimed', registers: [registry] }).inc();
  server = await startServer({ port: 0, host: '127.0.0.1', registry, log, notReady: () => notReady });
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`);
  return { status: response.status, text: await response.text(), type: response.headers.get('content-type') ?? '' };
}

describe('the server', () => {
  it('is alive', async () => {
    expect(await ask('/healthz', ['nodes'])).toMatchObject({ status: 200, text: 'ok\n' });
  });

  it('is ready when everything has been read, and says what has not', async () => {
    expect(await ask('/readyz')).toMatchObject({ status: 200 });
    await server?.close();
    expect(await ask('/readyz', ['nodes not read yet'])).toMatchObject({
      status: 503,
      text: 'not ready: nodes not read yet\n',
    });
  });

  it('shows metrics in the form of Prometheus', async () => {
    const { text, type } = await ask('/metrics');
    expect(text).toContain('idlewild_claims_total 1');
    expect(type).toContain('text/plain');
  });

  it('answers 404 to anything else', async () => {
    expect(await ask('/jobs')).toMatchObject({ status: 404 });
  });

  it('shows nothing of its inside when something fails', async () => {
    const registry = new Registry();
    const notReady = (): string[] => {
      throw new Error('the inside');
    };
    server = await startServer({ port: 0, host: '127.0.0.1', registry, log, notReady });
    const response = await fetch(`http://127.0.0.1:${server.port}/readyz`);
    expect(response.status).toBe(500);
    expect(await response.text()).not.toMatch(/the inside|server\.ts/);
  });

  it('is at every address when told so, also in a cluster of IPv6', async () => {
    const registry = new Registry();
    server = await startServer({ port: 0, host: '::', registry, log, notReady: () => [] });
    const { port } = server;
    const addresses = Object.values(networkInterfaces()).flatMap((of = []) => of.filter(({ internal }) => internal));
    expect(addresses.length).toBeGreaterThan(0);
    for (const { address, family } of addresses) {
      const host = family === 'IPv6' ? `[${address}]` : address;
      expect(await (await fetch(`http://${host}:${port}/healthz`)).text()).toBe('ok\n');
    }
  });

  it('refuses a port that is taken', async () => {
    await ask('/healthz');
    const registry = new Registry();
    const again = startServer({ port: server?.port ?? 0, host: '127.0.0.1', registry, log, notReady: () => [] });
    await expect(again).rejects.toThrow(/EADDRINUSE/);
  });
});
