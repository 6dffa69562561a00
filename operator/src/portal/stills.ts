// Pictures of a guest's screen for those who only look on: KubeVirt gives the screen itself to one viewer at a time, and pictures of
// it to anybody without disturbing that one.
// Promises: one picture a second is asked for, however many watch; none while nobody does; the same picture is not sent twice.

import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { virtualMachineInstanceSubresources } from '../api/resources.ts';
import type { KubeClient } from '../kube/client.ts';
import { toKubeError } from '../kube/errors.ts';
import { objectPath } from '../kube/paths.ts';

/** What may be asked of KubeVirt, and what is. */
export const screenshot = 'vnc/screenshot';

/** A picture as the address of an image. */
type Tell = (picture: string) => void;

export interface StillsOptions {
  readonly client: KubeClient;
  readonly log: Logger;
  /** The virtual machine that a job has now. */
  readonly virtualMachineOf: (namespace: string, job: string) => string | undefined;
  /** Between an answer and the next question, ms; a second unless told. */
  readonly pauseMs?: number;
}

interface Watched {
  readonly watchers: Set<Tell>;
  readonly stop: AbortController;
  last?: string;
}

const usualPauseMs = 1_000;
const patienceMs = 10_000;
const largestPicture = 4 * 1024 * 1024;

export class Stills {
  readonly #o: StillsOptions;
  readonly #watched = new Map<string, Watched>();

  constructor(options: StillsOptions) {
    this.#o = options;
  }

  /** @returns ends it. */
  watch(namespace: string, job: string, tell: Tell): () => void {
    const key = `${namespace}/${job}`;
    const watched = this.#watched.get(key) ?? { watchers: new Set<Tell>(), stop: new AbortController() };
    watched.watchers.add(tell);
    if (watched.last !== undefined) tell(watched.last);
    if (!this.#watched.has(key)) {
      this.#watched.set(key, watched);
      void this.#look(namespace, job, watched);
    }
    return () => {
      watched.watchers.delete(tell);
      if (watched.watchers.size > 0) return;
      watched.stop.abort();
      if (this.#watched.get(key) === watched) this.#watched.delete(key);
    };
  }

  async #look(namespace: string, job: string, watched: Watched): Promise<void> {
    const { client, log, virtualMachineOf, pauseMs = usualPauseMs } = this.#o;
    const { signal } = watched.stop;
    while (!signal.aborted) {
      try {
        const name = virtualMachineOf(namespace, job);
        const picture = name === undefined ? undefined : await pictureOf(client, { namespace, name }, signal);
        if (picture !== undefined && picture !== watched.last) {
          watched.last = picture;
          for (const tell of watched.watchers) tell(picture);
        }
        await delay(pauseMs, undefined, { signal });
      } catch (error) {
        if (signal.aborted) return;
        // A guest that starts, moves or has gone has no picture: the next look may find one.
        log.debug({ err: toKubeError(error).message, job, namespace }, 'no picture of a screen');
        await delay(pauseMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }
}

/** Undefined for what is no picture, or too large. Throws KubeError. */
export async function pictureOf(
  client: KubeClient,
  ref: { readonly namespace: string; readonly name: string },
  signal: AbortSignal,
): Promise<string | undefined> {
  const { headers, body } = await client.raw.request({
    method: 'GET',
    path: objectPath(virtualMachineInstanceSubresources, ref, screenshot),
    headers: { accept: 'image/png, */*' },
    signal,
    timeoutMs: patienceMs,
  });
  const type = /^image\/(png|jpeg|webp)/.exec(headers['content-type'] ?? '')?.[0];
  if (type === undefined || !(body instanceof Uint8Array) || body.length > largestPicture) return undefined;
  return `data:${type};base64,${Buffer.from(body).toString('base64')}`;
}
