// X.509 certificates of the lab, made with EC P-256 keys. Knows what a Kubernetes certificate says (the user in the
// common name, the groups in the organizations); keeps nothing.

import 'reflect-metadata';
import { createPrivateKey, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';
import type { IssuedCertificate, IssueOptions } from './pki.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 3600 * 1000;
const authorityDays = 3650;
const certificateDays = 825;
/** Machines' clocks may differ by a little. */
const backdateMs = 3600 * 1000;

x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

export async function makeAuthority(): Promise<IssuedCertificate> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: 'CN=idlewild-lab-ca',
    notBefore: new Date(Date.now() - backdateMs),
    notAfter: new Date(Date.now() + authorityDays * dayMs),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certPem: `${certificate.toString('pem')}\n`, keyPem: await pemOfKey(keys.privateKey) };
}

export async function issueCertificate(
  authority: IssuedCertificate,
  commonName: string,
  options: IssueOptions,
): Promise<IssuedCertificate> {
  const issuer = new x509.X509Certificate(authority.certPem);
  const keys = await newKeys();
  const hosts = options.hosts ?? [];
  const uses = [x509.ExtendedKeyUsage.clientAuth, ...(hosts.length > 0 ? [x509.ExtendedKeyUsage.serverAuth] : [])];
  const names = hosts.map((host) => ({ type: isIP(host) ? ('ip' as const) : ('dns' as const), value: host }));
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [...(options.organizations ?? []).map((o) => ({ O: [o] })), { CN: [commonName] }],
    issuer: issuer.subject,
    notBefore: new Date(Date.now() - backdateMs),
    notAfter: new Date(Date.now() + (options.days ?? certificateDays) * dayMs),
    signingAlgorithm: algorithm,
    publicKey: keys.publicKey,
    signingKey: await keyOfPem(authority.keyPem),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(uses),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      ...(names.length > 0 ? [new x509.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return { certPem: `${certificate.toString('pem')}\n`, keyPem: await pemOfKey(keys.privateKey) };
}

export async function pemOfKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}

async function keyOfPem(pem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
}

async function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

/** Positive, so never with the top bit set. */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f || 1;
  return bytes.toString('hex');
}
