// A portal in a process of its own, from its bundle as everywhere, over an API server with real users and rights; its guests are an
// echo in this process. For measuring what many open pages and consoles cost.
// Promises: whatever was started ends with `stop`.

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { request } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Duplex } from 'node:stream';
import { WebSocketServer } from 'ws';
import { stringify } from 'yaml';
import { portalNodeFlags } from '../../scripts/bundle-portal.ts';
import { bundle } from '../../scripts/bundle.ts';
import { startRig, type Rig } from '../../test/portal/rig.ts';
import { until } from './cluster.ts';

export interface Pages {
  readonly rig: Rig;
  /** The portal's. */
  readonly url: string;
  /** A guest's console without the portal before it. */
  readonly guestUrl: string;
  /** Of the portal's process, MB of 10^6 bytes. */
  residentMB(): number;
  /** User and system time of the portal's process so far, ms; in steps of ten. */
  cpuMs(): number;
  stop(): Promise<void>;
}

/** @param populate puts jobs there before the portal starts. */
export async function startPages(populate: (rig: Rig) => Promise<void>): Promise<Pages> {
  const directory = mkdtempSync(join(tmpdir(), 'iw-bench-pages-'));
  const rig = await startRig();
  const front = await startFront(rig);
  const ended: (() => Promise<unknown>)[] = [
    () => rig.stop(),
    () => Promise.resolve(front.close()),
    () => Promise.resolve(rmSync(directory, { recursive: true })),
  ];
  const stop = async (): Promise<void> => {
    for (const end of ended) await end();
  };
  try {
    await populate(rig);
    const { port } = front.address() as AddressInfo;
    const config = join(directory, 'config');
    writeFileSync(config, kubeconfigOf(`http://127.0.0.1:${port}`, rig.tokens.root));
    const program = await bundle({ name: 'portal', entry: 'operator/src/portal/main.ts', maps: true });
    const portal = spawn(process.execPath, [...portalNodeFlags, program, '--kubeconfig', config], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    ended.unshift(async () => {
      portal.kill();
      if (portal.exitCode === null && portal.signalCode === null) await once(portal, 'exit');
    });
    const url = await untilReady(portal);
    return {
      rig,
      url,
      guestUrl: `ws://127.0.0.1:${port}${subresources}bench`,
      residentMB: () => residentOf(portal),
      cpuMs: () => cpuOf(portal),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

const subresources = '/apis/subresources.kubevirt.io/';

/** Before the API server: guests answer here, everything else does there. */
async function startFront({ api, tokens }: Rig): Promise<Server> {
  const guests = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  guests.on('connection', (socket) => socket.on('message', (data) => socket.send(data, { binary: true })));
  const server = createServer((asked, answer) => {
    const { method, headers } = asked;
    const forwarded = { method, headers, ca: api.pki.caPem };
    const passed = request(new URL(asked.url ?? '/', api.url), forwarded, (told) => {
      answer.writeHead(told.statusCode ?? 502, told.headers);
      told.pipe(answer);
    });
    passed.on('error', () => answer.destroy());
    answer.on('close', () => passed.destroy());
    asked.pipe(passed);
  });
  server.on('upgrade', (asked: IncomingMessage, socket: Duplex, head: Buffer) => {
    const mine =
      asked.url?.startsWith(subresources) === true && asked.headers.authorization === `Bearer ${tokens.root}`;
    if (mine) guests.handleUpgrade(asked, socket, head, (guest) => guests.emit('connection', guest));
    else socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  server.once('close', () => guests.close());
  const close = server.close.bind(server);
  server.close = (done) => {
    for (const guest of guests.clients) guest.terminate();
    server.closeAllConnections();
    return close(done);
  };
  return server;
}

async function untilReady(portal: ChildProcess): Promise<string> {
  let said = '';
  portal.stdout?.setEncoding('utf8').on('data', (text: string) => (said += text));
  return until('the portal is ready', () => {
    if (portal.exitCode !== null) throw new Error(`the portal ended: ${said}`);
    return Promise.resolve(said.includes('"ready"') ? /"url":"([^"]+)"/.exec(said)?.[1] : undefined);
  });
}

function residentOf({ pid }: ChildProcess): number {
  const [, kibibytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return (Number(kibibytes) * 1024) / 1e6;
}

/** proc_pid_stat(5): fields 14 and 15, in hundredths of a second. */
function cpuOf({ pid }: ChildProcess): number {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the program's name in brackets, with whatever is in it.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function kubeconfigOf(server: string, token: string): string {
  const named = <T extends object>(kind: string, value: T) => [{ name: 'bench', [kind]: value }];
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: named('cluster', { server }),
    users: named('user', { token }),
    contexts: named('context', { cluster: 'bench', user: 'bench' }),
    'current-context': 'bench',
  });
}
