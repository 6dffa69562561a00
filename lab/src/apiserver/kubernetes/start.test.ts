import { spawn } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ensurePki, type Pki } from '../../pki/pki.ts';
import { TestServer } from '../test-server.ts';
import { parseTokens } from '../token-file.ts';
import { kubernetesAssets } from './assets.ts';
import { fakeAssets, type FakeOptions } from './fake-assets.ts';
import { startKubernetes } from './start.ts';
import { until } from '../../../../test/waiting.ts';

jest.setTimeout(60_000);

const tokens = [
  { token: 'secret', user: 'lab-admin', groups: ['system:masters', 'others'] },
  { token: 'plain', user: 'system:node:pc-1', uid: '7', groups: [] },
];
const main = resolve(import.meta.dirname, '..', 'main.ts');

let root: string;
let pki: Pki;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'idlewild-kubernetes-'));
  pki = await ensurePki(join(root, 'pki'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function startFakes(options: FakeOptions = {}, deadlines = { readyMs: 20_000, stopMs: 10_000 }) {
  const fakes = await fakeAssets(root, options);
  const assets = kubernetesAssets({ KUBEBUILDER_ASSETS: fakes.dir });
  if (assets === undefined) throw new Error('no assets');
  const start = () => startKubernetes(assets, { dataDir: join(root, 'data'), pki, tokens, deadlines });
  return { fakes, start };
}

function alive(pid: number): boolean {
  return existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

describe('the assets', () => {
  it('are nobody when none are named', () => {
    expect([kubernetesAssets({}), kubernetesAssets({ KUBEBUILDER_ASSETS: '' })]).toEqual([undefined, undefined]);
  });

  it('must both be there', () => {
    expect(() => kubernetesAssets({ KUBEBUILDER_ASSETS: root })).toThrow(
      `KUBEBUILDER_ASSETS: ${join(root, 'kube-apiserver')} is not there or cannot be executed; kube-apiserver and etcd are needed`,
    );
  });
});

describe('Kubernetes in the place of the lab’s server', () => {
  it('is started in order, waited for, and ended in order', async () => {
    const { fakes, start } = await startFakes();
    const server = await start();
    expect(server.url).toBe(`https://127.0.0.1:${server.port}`);
    await server.close();
    expect(await fakes.story()).toEqual([
      'etcd started',
      'etcd ready',
      'kube-apiserver started',
      'kube-apiserver ready',
      'kube-apiserver SIGTERM',
      'etcd SIGTERM',
    ]);
  });

  it('listens on loopback alone, with rights, keys and tokens of the lab', async () => {
    const { fakes, start } = await startFakes();
    const server = await start();
    try {
      const flags = await fakes.flags('kube-apiserver');
      const etcd = await fakes.flags('etcd');
      expect(etcd['listen-client-urls']).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
      expect(flags).toMatchObject({
        'etcd-servers': etcd['listen-client-urls'],
        'bind-address': '127.0.0.1',
        'secure-port': String(server.port),
        'authorization-mode': 'Node,RBAC',
        'enable-admission-plugins': 'NodeRestriction',
        'service-account-issuer': 'https://kubernetes.default.svc',
        'requestheader-allowed-names': 'front-proxy-client',
        'requestheader-username-headers': 'X-Remote-User',
        'requestheader-group-headers': 'X-Remote-Group',
        'requestheader-extra-headers-prefix': 'X-Remote-Extra-',
        'service-cluster-ip-range': '10.96.0.0/16',
        'event-ttl': '1h',
        'watch-cache': 'true',
      });
      const read = (flag: string) => readFileSync(flags[flag] ?? '', 'utf8');
      expect(read('client-ca-file')).toBe(pki.caPem);
      expect(read('requestheader-client-ca-file')).toBe(pki.caPem);
      expect(read('service-account-signing-key-file')).toBe(pki.serviceAccountKeyPem);
      const publicKey = createPublicKey(pki.serviceAccountKeyPem).export({ type: 'spki', format: 'pem' });
      expect(read('service-account-key-file')).toBe(publicKey);
      expect(parseTokens(read('token-auth-file'))).toEqual([{ ...tokens[0], uid: 'lab-admin' }, tokens[1]]);
      for (const flag of ['tls-private-key-file', 'token-auth-file', 'proxy-client-key-file', 'kubelet-client-key']) {
        expect([flag, ((await stat(flags[flag] ?? '')).mode & 0o777).toString(8)]).toEqual([flag, '600']);
      }
    } finally {
      await server.close();
    }
  });

  it('tells what a program said that would not run', async () => {
    const { fakes, start } = await startFakes({ etcdComplaint: 'the disk is full' });
    await expect(start()).rejects.toThrow(
      /^etcd ended \(code 3\) before it was ready; the end of \S+etcd\.log:\nthe disk is full$/,
    );
    expect(await fakes.story()).toEqual(['etcd started']);
  });

  it('gives up a server that never gets ready, and leaves nothing behind', async () => {
    const { fakes, start } = await startFakes({ unready: Infinity }, { readyMs: 3_000, stopMs: 10_000 });
    await expect(start()).rejects.toThrow('kube-apiserver was not ready in 3 s');
    for (const program of ['etcd', 'kube-apiserver'] as const) expect(alive(await fakes.pid(program))).toBe(false);
  });

  it('ends a server that does not heed being asked', async () => {
    const { fakes, start } = await startFakes({ stubborn: true }, { readyMs: 20_000, stopMs: 500 });
    const server = await start();
    await server.close();
    expect(await server.ended).toBe('kube-apiserver ended (SIGKILL)');
    expect((await fakes.story()).slice(-2)).toEqual(['kube-apiserver SIGTERM', 'etcd SIGTERM']);
  });
});

describe('a server of a test', () => {
  it('is Kubernetes too, where that is asked for, and stays at its port when started again', async () => {
    const { fakes } = await startFakes();
    const before = process.env['KUBEBUILDER_ASSETS'];
    process.env['KUBEBUILDER_ASSETS'] = fakes.dir;
    try {
      const server = await TestServer.start();
      const { url } = server;
      await server.restart();
      expect(server.url).toBe(url);
      expect((await server.get('/readyz')).text).toBe('ok');
      await server.stop();
      const story = await fakes.story();
      expect(story.filter((line) => line.endsWith('SIGTERM') || line.endsWith('started'))).toEqual([
        'etcd started',
        'kube-apiserver started',
        'kube-apiserver SIGTERM',
        'etcd SIGTERM',
        'etcd started',
        'kube-apiserver started',
        'kube-apiserver SIGTERM',
        'etcd SIGTERM',
      ]);
    } finally {
      if (before === undefined) delete process.env['KUBEBUILDER_ASSETS'];
      else process.env['KUBEBUILDER_ASSETS'] = before;
    }
  });
});

describe('the process of the API server', () => {
  async function run() {
    const { fakes } = await startFakes();
    const tokenFile = join(root, 'pki', 'tokens.csv');
    await writeFile(tokenFile, 'secret,lab-admin,lab-admin,"system:masters"\n');
    const flags = ['--data-dir', join(root, 'data'), '--pki-dir', join(root, 'pki'), '--token-file', tokenFile];
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...flags], {
      env: { ...process.env, KUBEBUILDER_ASSETS: fakes.dir },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const exit = new Promise<number | null>((done) => child.once('exit', done));
    let [said, logged] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (logged += chunk.toString()));
    await until(() => said.includes('\n') || child.exitCode !== null);
    return { fakes, child, exit, said: () => said, logged: () => logged };
  }

  it('is ready when Kubernetes is, and takes it along when told to end', async () => {
    const { fakes, child, exit, said, logged } = await run();
    expect([logged(), JSON.parse(said())]).toMatchObject([
      '',
      { ready: true, url: expect.stringMatching(/^https:\/\/127\.0\.0\.1:\d+$/) },
    ]);
    child.kill('SIGTERM');
    expect(await exit).toBe(0);
    expect((await fakes.story()).slice(-2)).toEqual(['kube-apiserver SIGTERM', 'etcd SIGTERM']);
  });

  it('ends when Kubernetes does, so that both are started anew', async () => {
    const { fakes, exit, logged } = await run();
    process.kill(await fakes.pid('kube-apiserver'), 'SIGKILL');
    expect(await exit).toBe(1);
    expect(logged()).toContain('kube-apiserver ended (SIGKILL)');
    expect(alive(await fakes.pid('etcd'))).toBe(false);
  });

  it('leaves nothing behind when it is killed', async () => {
    const { fakes, child, exit } = await run();
    const pids = [await fakes.pid('etcd'), await fakes.pid('kube-apiserver')];
    child.kill('SIGKILL');
    await exit;
    await until(() => !pids.some(alive));
    expect(pids.map(alive)).toEqual([false, false]);
  });
});
