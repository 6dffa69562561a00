// Everything that the control plane process hosts, in order. A plain API client: it may be stopped at any moment and started again,
// here or beside a real API server.
import { randomUUID } from 'node:crypto';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { Logger } from 'pino';
import { startControllers, type ControllerSettings } from '../controllers/start.ts';
import { Informers } from '../informers.ts';
import type { Pki } from '../pki/pki.ts';
import { startScheduler } from '../scheduler/start.ts';

/** What each part of the control plane is given. */
export interface PartDeps {
  readonly client: KubeClient;
  readonly informers: Informers;
  readonly log: Logger;
  readonly clock: Clock;
  /** Ends the part. */
  readonly signal: AbortSignal;
  readonly pki: Pki;
}

/** A further part of the control plane; resolves when it runs. */
export type Part = (deps: PartDeps) => Promise<void>;

export interface ControlPlane {
  readonly client: KubeClient;
  readonly log: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly pki: Pki;
  readonly settings: ControllerSettings;
  readonly parts: readonly Part[];
}

/** Resolves when every part runs and has synced; all of it ends with the signal. Throws what a part's start throws. */
export async function startControlPlane({ settings, parts, ...given }: ControlPlane): Promise<void> {
  const deps: PartDeps = { ...given, informers: new Informers(given) };
  const newId = randomUUID;
  await Promise.all([
    startControllers({ ...deps, newId, caPem: deps.pki.caPem, settings }),
    startScheduler({ ...deps, newId }),
    ...parts.map((start) => start(deps)),
  ]);
}
