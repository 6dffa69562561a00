// What guests have printed on their serial consoles, by launcher pod: the log of the container guest-console-log.
// Promises: a log can be read from its beginning as often as wanted while its pod exists; a reader that follows gets what comes
// and ends with the log; a machine that cannot be reached breaks its streams off.

import { KubeError } from '@idlewild/operator/kube/errors.ts';

interface Log {
  readonly chunks: Uint8Array[];
  over: boolean;
  reachable: boolean;
  readonly readers: Set<() => void>;
}

export class ConsoleLogs {
  readonly #logs = new Map<string, Log>();

  /** @param pod namespace/name. */
  open(pod: string): void {
    this.#logs.set(pod, { chunks: [], over: false, reachable: true, readers: new Set() });
  }

  print(pod: string, text: string): void {
    const log = this.#logs.get(pod);
    if (!log || log.over) return;
    log.chunks.push(Buffer.from(text));
    wake(log);
  }

  /** Nothing will be added. */
  end(pod: string): void {
    const log = this.#logs.get(pod);
    if (!log) return;
    log.over = true;
    wake(log);
  }

  reach(pod: string, reachable: boolean): void {
    const log = this.#logs.get(pod);
    if (!log || log.reachable === reachable) return;
    log.reachable = reachable;
    wake(log);
  }

  /** The pod object is gone, and with it its log. */
  forget(pod: string): void {
    this.end(pod);
    this.#logs.delete(pod);
  }

  get size(): number {
    return this.#logs.size;
  }

  /** Throws a KubeError of kind "notFound" for a pod without a log and "unavailable" for one out of reach. */
  async *follow(
    pod: string,
    o: { readonly follow: boolean; readonly signal: AbortSignal },
  ): AsyncGenerator<Uint8Array> {
    const log = this.#logs.get(pod);
    if (!log) throw new KubeError(`logs of ${pod}: no such pod`, { kind: 'notFound' });
    let next = 0;
    while (!o.signal.aborted) {
      if (!log.reachable) throw new KubeError(`logs of ${pod}: the machine does not answer`, { kind: 'network' });
      const chunk = log.chunks[next];
      if (chunk) {
        next++;
        yield chunk;
      } else if (!o.follow || log.over) return;
      else await changed(log, o.signal);
    }
  }
}

function changed(log: Log, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      log.readers.delete(done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    log.readers.add(done);
    signal.addEventListener('abort', done, { once: true });
  });
}

function wake(log: Log): void {
  for (const reader of [...log.readers]) reader();
}
