// How the lab starts its portal: a free port of loopback, kept over restarts so that a browser's tab stays good, and a key of the
// lab's own, so that logins do.
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { layoutOf } from './layout.ts';

export const portalProgram = 'operator/src/portal/main.ts';

export interface PortalFlags {
  /** The lab's directory. */
  readonly dir: string;
  readonly kubeconfig: string;
  readonly port: number;
  /** Where the operator tells its history; empty where none runs. */
  readonly operatorUrl: string;
}

export function portalFlags(o: PortalFlags): string[] {
  const keys = join(o.dir, 'portal.keys');
  if (!existsSync(keys)) writeFileSync(keys, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  const control = ['--lab-control-socket', layoutOf(o.dir).controlSocket];
  const operator = o.operatorUrl === '' ? [] : ['--operator-url', o.operatorUrl];
  return ['--kubeconfig', o.kubeconfig, '--port', String(o.port), '--session-keys', keys, ...control, ...operator];
}
