// How much memory a portal of its own process needs with many open streams: prints megabytes resident as JSON.
// Two hundred pages, of four users, each following a thousand jobs, with ten jobs a second changing for twenty seconds.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { stringify } from 'yaml';
import { operatorNodeFlags } from '../../scripts/bundle-operator.ts';
import { bundle } from '../../scripts/bundle.ts';
import { aJob } from '../../test/builders/job.ts';
import { startRig } from '../../test/portal/rig.ts';

const jobs = 1_000;
const streams = 200;
const changes = 200;
const users = ['ann', 'viv', 'root', 'ben'] as const;

const rig = await startRig();
const directory = mkdtempSync(join(tmpdir(), 'idlewild-bench-'));
try {
  for (let index = 0; index < jobs; index++) await rig.put(aJob(`job-${index}`).published().job, 'team-a');
  const config = join(directory, 'config');
  const named = <T extends object>(kind: string, value: T) => [{ name: 'rig', [kind]: value }];
  const ca = Buffer.from(rig.api.pki.caPem).toString('base64');
  writeFileSync(
    config,
    stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: named('cluster', { server: rig.api.url, 'certificate-authority-data': ca }),
      users: named('user', { token: rig.tokens.root }),
      contexts: named('context', { cluster: 'rig', user: 'rig' }),
      'current-context': 'rig',
    }),
  );
  const program = await bundle({ name: 'portal', entry: 'operator/src/portal/main.ts', maps: true });
  const portal = spawn(process.execPath, [...operatorNodeFlags, program, '--kubeconfig', config], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  portal.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  const resident = (): number => {
    const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${portal.pid}/status`, 'utf8')) ?? [];
    return Math.round(Number(kilobytes) / 1024);
  };
  while (!said.includes('"ready"')) await delay(50);
  const [, url = ''] = /"url":"([^"]+)"/.exec(said) ?? [];
  const idle = resident();
  let heard = 0;
  const open = await Promise.all(
    Array.from({ length: streams }, async (_, index) => {
      const user = users[index % users.length]!;
      const headers = { authorization: `Bearer ${rig.tokens[user]}` };
      const socket = new WebSocket(`${url.replace('http', 'ws')}/api/v1/stream`, { headers });
      socket.on('message', (data: Buffer) => (heard += data.length));
      await once(socket, 'open');
      socket.send(JSON.stringify({ op: 'sub', id: 1, topic: 'jobs' }));
      return socket;
    }),
  );
  let most = 0;
  const watching = setInterval(() => (most = Math.max(most, resident())), 200);
  for (let index = 0; index < changes; index++) {
    await rig.api.patch(`/apis/idlewild.dev/v1alpha1/namespaces/team-a/computejobs/job-${index}`, 'merge', {
      metadata: { labels: { turn: String(index) } },
    });
    await delay(100);
  }
  clearInterval(watching);
  const result = { jobs, streams: open.length, idleMB: idle, mostMB: most, endMB: resident(), heardMB: heard / 1e6 };
  process.stdout.write(`${JSON.stringify(result)}\n`);
  for (const socket of open) socket.terminate();
  portal.kill();
  await once(portal, 'exit');
} finally {
  rmSync(directory, { recursive: true });
  await rig.stop();
}
