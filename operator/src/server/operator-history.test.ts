// An operator as a process would run it: what it decides can be asked for, and a second one remembers what the first did.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, TestServer } from '@idlewild/lab/apiserver/test-server.ts';
import { definitions } from '@idlewild/lab/virt/manifests/kinds.ts';
import { pino } from 'pino';
import { parse } from 'yaml';
import {
  computeJobs,
  customResourceDefinitions,
  namespaces,
  virtualMachineInstanceMigrations,
  virtualMachineInstances,
  virtualMachines,
} from '../api/resources.ts';
import { KubeClient } from '../kube/client.ts';
import { transportFrom } from '../kube/credentials.ts';
import { collectionPath } from '../kube/paths.ts';
import type { LedgerEntry } from '../ledger/entry.ts';
import { runOperator } from '../operator.ts';
import { parseOptions } from '../options.ts';

const log = pino({ level: 'silent' });
const crd = new URL('../../../crds/idlewild.dev_computejobs.yaml', import.meta.url);
let api: TestServer;
let client: KubeClient;
let folder: string;

const connect = () => transportFrom({ server: api.url, caPem: api.pki.caPem, token: 'admin' });

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'history-'));
  api = await TestServer.start();
  client = new KubeClient(connect());
  const own = parse(readFileSync(crd, 'utf8')) as (typeof definitions)[number];
  for (const definition of [...definitions, own]) await client.create(customResourceDefinitions, definition as never);
  for (const type of [computeJobs, virtualMachines, virtualMachineInstances, virtualMachineInstanceMigrations]) {
    await eventually(
      () => api.get(collectionPath(type, undefined)),
      ({ status }) => status === 200,
    );
  }
  await client.create(namespaces, { metadata: { name: 'lab' } });
}, 60_000);
afterAll(async () => {
  await client.raw.close();
  await api.stop();
  rmSync(folder, { recursive: true });
});

/** Runs an operator with these flags while `act` asks it. */
async function operating(flags: string[], act: (port: number) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const transport = connect();
  const ready = Promise.withResolvers<number>();
  const onReady = ({ metricsPort }: { metricsPort: number }): void => ready.resolve(metricsPort);
  const running = runOperator({ options: parseOptions(flags), transport, log, signal: stop.signal, onReady });
  const ended = running.then((end) => Promise.reject(new Error(`the operator ended: ${end}`)));
  try {
    await act(await Promise.race([ended, ready.promise]));
  } finally {
    stop.abort();
    await Promise.allSettled([ended]);
    await transport.close();
  }
}

async function history(port: number): Promise<string[]> {
  const url = `http://127.0.0.1:${port}/api/v1/history?namespace=lab&job=idle`;
  const response = await fetch(url, { headers: { authorization: 'Bearer admin' } });
  const { items } = (await response.json()) as { items: LedgerEntry[] };
  return items.map(({ reason, cause }) => (cause === undefined ? reason : `${reason} ${cause}`)).reverse();
}

describe('an operator', () => {
  it('answers for its decisions, and remembers them after a restart, each once', async () => {
    const flags = ['--history', join(folder, 'h.db')];
    await client.create(computeJobs, {
      metadata: { namespace: 'lab', name: 'idle' },
      spec: { image: { containerDisk: 'lab/tiny' }, script: 'true' },
    });
    const begun = ['Published', 'Waiting NoMachines'];
    await operating(flags, async (port) => {
      await eventually(
        () => history(port),
        (told) => told.length >= begun.length,
      );
      expect(await history(port)).toEqual(begun);
    });
    await operating(flags, async (port) => {
      expect(await history(port)).toEqual(begun);
      await client.delete(computeJobs, { namespace: 'lab', name: 'idle' });
      await eventually(
        () => history(port),
        (told) => told.includes('Deleted'),
      );
      expect(await history(port)).toEqual([...begun, 'Deleted']);
    });
  }, 60_000);

  it('does not start with a history that cannot be written, and says why', async () => {
    const flags = ['--history', join(folder, 'missing', 'h.db')];
    await expect(operating(flags, async () => undefined)).rejects.toThrow(/--history .*missing.* cannot be used/);
  });
});
