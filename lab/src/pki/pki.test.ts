// What the lab's certificate authority promises: certificates that verify, and files that outlive the process.

import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensurePki } from './pki.ts';

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'pki-'));
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

describe('the certificate authority', () => {
  it('gives the same authority, server certificate and key after a restart', async () => {
    const first = await ensurePki(dir);
    const second = await ensurePki(dir);
    expect(second.caPem).toBe(first.caPem);
    expect(second.serverCertPem).toBe(first.serverCertPem);
    expect(second.serviceAccountKeyPem).toBe(first.serviceAccountKeyPem);
  });

  it('is one authority for all who start together', async () => {
    const all = await Promise.all(Array.from({ length: 4 }, () => ensurePki(dir)));
    expect(new Set(all.map((pki) => pki.caPem)).size).toBe(1);
    expect(new Set(all.map((pki) => pki.serviceAccountKeyPem)).size).toBe(1);
    for (const pki of all) {
      expect(new X509Certificate(pki.serverCertPem).verify(new X509Certificate(pki.caPem).publicKey)).toBe(true);
    }
  });

  it('signs a server certificate for localhost and 127.0.0.1', async () => {
    const pki = await ensurePki(dir);
    const server = new X509Certificate(pki.serverCertPem);
    expect(server.verify(new X509Certificate(pki.caPem).publicKey)).toBe(true);
    expect(server.checkHost('localhost')).toBe('localhost');
    expect(server.checkIP('127.0.0.1')).toBe('127.0.0.1');
  });

  it('puts the user in the common name and the groups in the organizations', async () => {
    const pki = await ensurePki(dir);
    const issued = await pki.issue('system:node:pc-1', { organizations: ['system:nodes', 'extra'] });
    const certificate = new X509Certificate(issued.certPem);
    expect(certificate.subject.split('\n')).toEqual(['O=system:nodes', 'O=extra', 'CN=system:node:pc-1']);
    expect(certificate.checkIssued(new X509Certificate(pki.caPem))).toBe(true);
  });

  it('makes the server certificate anew when its file is broken', async () => {
    const first = await ensurePki(dir);
    await writeFile(join(dir, 'apiserver.pem'), 'half a file');
    const second = await ensurePki(dir);
    expect(second.caPem).toBe(first.caPem);
    expect(new X509Certificate(second.serverCertPem).verify(new X509Certificate(second.caPem).publicKey)).toBe(true);
  });
});
