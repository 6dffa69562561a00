// How the lab starts its portal: a free port of loopback, kept over restarts so that a browser's tab stays good, and a key of the
// lab's own, so that logins do.
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { layoutOf } from './layout.ts';

export const portalProgram = 'operator/src/portal/main.ts';

/** @param dir the lab's directory. */
export function portalFlags(o: { readonly dir: string; readonly kubeconfig: string; readonly port: number }): string[] {
  const keys = join(o.dir, 'portal.keys');
  if (!existsSync(keys)) writeFileSync(keys, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const control = ['--lab-control-socket', layoutOf(o.dir).controlSocket];
  return ['--kubeconfig', o.kubeconfig, '--port', String(o.port), '--session-keys', keys, ...control];
}
