// The certificate with which the kubelets of the simulated machines answer.

import { ensurePki } from '@idlewild/lab/pki/pki.ts';

export async function issueServing(pkiDir: string): Promise<{ cert: string; key: string }> {
  const pki = await ensurePki(pkiDir);
  const { certPem, keyPem } = await pki.issue('simulated-kubelets', { hosts: ['127.0.0.1'] });
  return { cert: certPem, key: keyPem };
}
