// Credentials from a kubeconfig and from plain values, against a real TLS server.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ensurePki, type Pki } from '@idlewild/lab/pki/pki.ts';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { stringify } from 'yaml';
import { plainCredentials } from './plain-credentials.ts';
import { transportFrom, transportFromKubeConfig } from './credentials.ts';
import type { Transport } from './transport.ts';

let dir: string;
let pki: Pki;
let server: https.Server;
let url: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'credentials-'));
  pki = await ensurePki(join(dir, 'pki'));
  server = https.createServer(
    { cert: pki.serverCertPem, key: pki.serverKeyPem, ca: pki.caPem, requestCert: true, rejectUnauthorized: false },
    (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate();
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ authorization: request.headers.authorization, user: subject?.CN, path: request.url }),
      );
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}, 60_000);
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(dir, { recursive: true });
});

const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function kubeconfig(user: unknown, cluster: Record<string, unknown> = {}): Promise<string> {
  const path = join(dir, 'kubeconfig');
  const ca = { 'certificate-authority-data': base64(pki.caPem) };
  const content = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster: { server: url, ...ca, ...cluster } }],
    users: [{ name: 'admin', user }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: 'admin' } }],
    'current-context': 'lab',
  };
  await writeFile(path, stringify(content));
  return path;
}

async function whoAmI(transport: Transport): Promise<unknown> {
  try {
    return (await transport.request({ method: 'GET', path: '/version' })).body;
  } finally {
    await transport.close();
  }
}

describe('credentials', () => {
  it('of a kubeconfig with a token are that token and that CA', async () => {
    const transport = await transportFromKubeConfig(await kubeconfig({ token: 'secret' }));
    expect(await whoAmI(transport)).toMatchObject({ authorization: 'Bearer secret', path: '/version' });
  });

  it('of a kubeconfig with a client certificate are that certificate and no token', async () => {
    const { certPem, keyPem } = await pki.issue('lab-admin', { hosts: [] });
    const user = { 'client-certificate-data': base64(certPem), 'client-key-data': base64(keyPem) };
    const transport = await transportFromKubeConfig(await kubeconfig(user));
    expect(await whoAmI(transport)).toEqual({ user: 'lab-admin', path: '/version' });
  });

  it('of a kubeconfig with an exec plugin are what the plugin prints', async () => {
    const status = JSON.stringify({
      apiVersion: 'client.authentication.k8s.io/v1',
      kind: 'ExecCredential',
      status: { token: 'from-plugin' },
    });
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: '/bin/echo',
      args: [status],
      interactiveMode: 'Never',
    };
    const transport = await transportFromKubeConfig(await kubeconfig({ exec }));
    expect(await whoAmI(transport)).toMatchObject({ authorization: 'Bearer from-plugin' });
  });

  it('in files beside the kubeconfig are found there', async () => {
    const { certPem, keyPem } = await pki.issue('filed', { hosts: [] });
    for (const [name, text] of Object.entries({ cert: certPem, key: keyPem, ca: pki.caPem, token: 'in-a-file\n' })) {
      await writeFile(join(dir, name), text);
    }
    const ca = { 'certificate-authority-data': undefined, 'certificate-authority': 'ca' };
    const user = { 'client-certificate': 'cert', 'client-key': 'key', tokenFile: 'token' };
    const transport = await transportFromKubeConfig(await kubeconfig(user, ca));
    expect(await whoAmI(transport)).toMatchObject({ user: 'filed', authorization: 'Bearer in-a-file' });
  });

  it('are left to the library wherever they are more than plain', async () => {
    const whose = async (user: unknown, cluster?: Record<string, unknown>) =>
      plainCredentials(await kubeconfig(user, cluster));
    expect(await whose({ token: 'x' })).toMatchObject({ server: url, token: 'x' });
    expect(await whose({ token: 'x', as: 'somebody' })).toBeUndefined();
    expect(await whose({ exec: {} })).toBeUndefined();
    expect(await whose({ token: 'x' }, { 'proxy-url': 'http://127.0.0.1:1' })).toBeUndefined();
    expect(await plainCredentials(undefined, { KUBECONFIG: '/a:/b' })).toBeUndefined();
  });

  it('keep the path of a server behind a proxy', async () => {
    const path = await kubeconfig({ token: 'x' }, { server: `${url}/k8s/clusters/lab/` });
    expect(await whoAmI(await transportFromKubeConfig(path))).toMatchObject({ path: '/k8s/clusters/lab/version' });
  });

  it('given plainly are used as they are, and a server of another CA is refused', async () => {
    expect(await whoAmI(transportFrom({ server: url, caPem: pki.caPem, token: 't' }))).toMatchObject({
      authorization: 'Bearer t',
    });
    const stranger = transportFrom({ server: url, token: 't' });
    await expect(whoAmI(stranger)).rejects.toMatchObject({
      kind: 'network',
      message: expect.stringMatching(/certificate/),
    });
  });

  it('are refused with a reason where they would not work', async () => {
    const password = kubeconfig({ username: 'u', password: 'p' });
    await expect(transportFromKubeConfig(await password)).rejects.toThrow('user name and password');
    const other = kubeconfig({ token: 'x', as: 'somebody' });
    await expect(transportFromKubeConfig(await other)).rejects.toThrow('acts as somebody else (as: somebody)');
    const behind = kubeconfig({ token: 'x' }, { 'proxy-url': 'http://127.0.0.1:1' });
    await expect(transportFromKubeConfig(await behind)).rejects.toThrow('through a proxy (proxy-url)');
    await writeFile(
      join(dir, 'empty'),
      stringify({ apiVersion: 'v1', kind: 'Config', clusters: [], users: [], contexts: [] }),
    );
    await expect(transportFromKubeConfig(join(dir, 'empty'))).rejects.toThrow('no current context');
  });
});
