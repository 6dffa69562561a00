// The lab's own certificate authority: makes the CA, the API server's certificate and the service account key on first
// use, keeps them in one directory over restarts, and issues further certificates. Loopback only: the CA never expires
// while a lab lives, and the server certificate is made anew when it would soon.

import { link, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { randomUUID, webcrypto, X509Certificate } from 'node:crypto';
import { issueCertificate, makeAuthority, pemOfKey } from './certificates.ts';

export interface IssuedCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface IssueOptions {
  /** DNS names and IP addresses; with any, the certificate is good for a server too. */
  readonly hosts?: readonly string[];
  /** Groups of the user that the certificate stands for. */
  readonly organizations?: readonly string[];
  readonly days?: number;
}

/** PEM texts, and the means to issue more from the same CA. */
export interface Pki {
  readonly caPem: string;
  readonly caKeyPem: string;
  readonly serverCertPem: string;
  readonly serverKeyPem: string;
  /** PKCS#8, EC P-256: service account tokens are signed with it (ES256). */
  readonly serviceAccountKeyPem: string;
  issue(commonName: string, options?: IssueOptions): Promise<IssuedCertificate>;
}

const serverHosts = [
  'localhost',
  '127.0.0.1',
  '::1',
  'kubernetes',
  'kubernetes.default',
  'kubernetes.default.svc',
  'kubernetes.default.svc.cluster.local',
];
const renewBeforeMs = 30 * 24 * 3600 * 1000;

/** Reads the PKI of a directory, making what is missing. Safe to be killed at any point: files are renamed into place. */
export async function ensurePki(dir: string): Promise<Pki> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const authority = await pairOf(dir, 'ca', makeAuthority, () => true);
  const issue = (commonName: string, options: IssueOptions = {}): Promise<IssuedCertificate> =>
    issueCertificate(authority, commonName, options);
  const server = await pairOf(
    dir,
    'apiserver',
    () => issue('kube-apiserver', { hosts: serverHosts }),
    (certPem) => {
      const certificate = new X509Certificate(certPem);
      const fresh = new Date(certificate.validTo).getTime() - Date.now() > renewBeforeMs;
      return fresh && certificate.verify(new X509Certificate(authority.certPem).publicKey);
    },
  );
  const serviceAccountKeyPem = await fileOf(dir, 'service-account.key', async () => {
    const keys = await webcrypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']);
    return pemOfKey(keys.privateKey);
  });
  return {
    caPem: authority.certPem,
    caKeyPem: authority.keyPem,
    serverCertPem: server.certPem,
    serverKeyPem: server.keyPem,
    serviceAccountKeyPem,
    issue,
  };
}

/** A certificate and its key are one file, so that a kill between two writes can never part them. */
async function pairOf(
  dir: string,
  name: string,
  make: () => Promise<IssuedCertificate>,
  usable: (certPem: string) => boolean,
): Promise<IssuedCertificate> {
  const bundle = await readIfThere(join(dir, `${name}.pem`));
  const kept = bundle === undefined ? undefined : splitBundle(bundle);
  if (kept !== undefined && usable(kept.certPem)) return kept;
  const made = await make();
  const text = made.certPem + made.keyPem;
  const written = await writeWhole(join(dir, `${name}.pem`), text, { replace: bundle !== undefined });
  const pair = splitBundle(written) ?? made;
  await writeWhole(join(dir, `${name}.crt`), pair.certPem, { replace: true });
  return pair;
}

async function fileOf(dir: string, name: string, make: () => Promise<string>): Promise<string> {
  const kept = await readIfThere(join(dir, name));
  if (kept !== undefined) return kept;
  return writeWhole(join(dir, name), await make(), { replace: false });
}

function splitBundle(bundle: string): IssuedCertificate | undefined {
  const certPem = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\n?/.exec(bundle)?.[0];
  const keyPem = /-----BEGIN PRIVATE KEY-----[^-]*-----END PRIVATE KEY-----\n?/.exec(bundle)?.[0];
  return certPem === undefined || keyPem === undefined ? undefined : { certPem, keyPem };
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Puts the text into place in one step. Without `replace` the file that is there already wins: two processes that start
 * together agree on one authority. Resolves with what the file holds.
 */
async function writeWhole(file: string, text: string, options: { replace: boolean }): Promise<string> {
  const partial = `${file}.${randomUUID()}.partial`;
  await writeFile(partial, text, { mode: 0o600 });
  if (options.replace) {
    await rename(partial, file);
    return text;
  }
  try {
    await link(partial, file);
    return text;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return await readFile(file, 'utf8');
  } finally {
    await rm(partial);
  }
}
