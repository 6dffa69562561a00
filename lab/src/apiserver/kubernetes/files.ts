// What kube-apiserver reads from files: certificates, keys and tokens, in a directory that nobody else may read. Written anew at each
// start from the lab's own authority, so that clients of the lab's own server trust and are trusted by it.
import { createPublicKey } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pki } from '../../pki/pki.ts';
import type { StaticToken } from '../registry/types.ts';

/** Paths of PEM files, and of the tokens. */
export interface KubernetesFiles {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly serviceAccountKey: string;
  readonly serviceAccountPublicKey: string;
  readonly kubeletClientCert: string;
  readonly kubeletClientKey: string;
  readonly frontProxyCert: string;
  readonly frontProxyKey: string;
  /** As `--token-auth-file` wants them. */
  readonly tokens: string;
}

/** Writes all of them below the directory, which is made if missing. */
export async function writeKubernetesFiles(
  dir: string,
  pki: Pki,
  tokens: readonly StaticToken[],
): Promise<KubernetesFiles> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const [kubelet, frontProxy] = await Promise.all([
    pki.issue('kube-apiserver-kubelet-client', { organizations: ['system:masters'] }),
    pki.issue('front-proxy-client'),
  ]);
  const put = async (name: string, text: string): Promise<string> => {
    const file = join(dir, name);
    await writeFile(file, text, { mode: 0o600 });
    return file;
  };
  return {
    ca: await put('ca.crt', pki.caPem),
    serverCert: await put('apiserver.crt', pki.serverCertPem),
    serverKey: await put('apiserver.key', pki.serverKeyPem),
    serviceAccountKey: await put('service-account.key', pki.serviceAccountKeyPem),
    serviceAccountPublicKey: await put('service-account.pub', publicKeyOf(pki.serviceAccountKeyPem)),
    kubeletClientCert: await put('kubelet-client.crt', kubelet.certPem),
    kubeletClientKey: await put('kubelet-client.key', kubelet.keyPem),
    frontProxyCert: await put('front-proxy-client.crt', frontProxy.certPem),
    frontProxyKey: await put('front-proxy-client.key', frontProxy.keyPem),
    tokens: await put('tokens.csv', tokens.map(tokenLine).join('')),
  };
}

function publicKeyOf(privateKeyPem: string): string {
  return createPublicKey(privateKeyPem).export({ type: 'spki', format: 'pem' }).toString();
}

function tokenLine({ token, user, uid, groups }: StaticToken): string {
  return `${token},${user},${uid ?? user},"${groups.join(',')}"\n`;
}
