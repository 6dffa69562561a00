// The operator's history, as the portal asks for it: over HTTP, with the portal's own token.
// Promises: of several replicas behind one name it finds the one that leads, and asks that one first the next time. Must not decide
// who may see what: whoever asks this names the namespaces.

import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { z } from 'zod';
import { toKubeError, type KubeError } from '../kube/errors.ts';
import { createTransport, type Transport, type TransportOptions } from '../kube/transport.ts';
import { Problem } from '../server/problem.ts';
import { ledgerLine, type LedgerLine } from './history-schemas.ts';

export interface PastQuery {
  /** Undefined: of all namespaces. */
  readonly namespaces?: readonly string[] | undefined;
  readonly job?: string | undefined;
  readonly machine?: string | undefined;
  /** RFC 3339. */
  readonly since?: string | undefined;
  readonly limit: number;
  readonly cursor?: string | undefined;
}

export interface PastPage {
  readonly items: readonly LedgerLine[];
  readonly next?: string | undefined;
}

export interface HistorySourceOptions {
  /** Of the operator's metrics, such as http://operator:8080. */
  readonly url: string;
  readonly token: TransportOptions['token'];
  /** All addresses of a name; the system's resolver unless given. */
  readonly resolve?: (hostname: string) => Promise<readonly string[]>;
}

const path = '/api/v1/history';
const patienceMs = 5_000;
const page = z.object({ items: z.array(ledgerLine), next: z.string().optional() });

export class HistorySource {
  readonly #o: HistorySourceOptions;
  readonly #url: URL;
  readonly #transports = new Map<string, Transport>();
  #leader: string | undefined;

  constructor(options: HistorySourceOptions) {
    this.#o = options;
    this.#url = new URL(options.url);
  }

  /** Throws Problem for what the operator refuses as wrong or too much, and KubeError when none of its replicas can tell. */
  async query({ namespaces, job, machine, since, limit, cursor }: PastQuery): Promise<PastPage> {
    const query = new URLSearchParams();
    for (const namespace of namespaces ?? []) query.append('namespace', namespace);
    for (const [name, value] of Object.entries({ job, machine, since, limit, cursor }))
      if (value !== undefined) query.set(name, String(value));
    let failure: KubeError | undefined;
    for (const address of await this.#addresses()) {
      try {
        const asked = { method: 'GET', path: `${path}?${query.toString()}`, timeoutMs: patienceMs } as const;
        const { body } = await this.#transport(address).request(asked);
        this.#leader = address;
        return page.parse(body);
      } catch (caught) {
        const error = toKubeError(caught);
        if (error.kind === 'badRequest') throw new Problem(400, 'cursor: must be the `next` of an earlier answer');
        if (error.kind === 'throttled') {
          throw new Problem(429, 'the history is asked too much; try again in a second', {
            headers: { 'retry-after': '1' },
          });
        }
        failure = error;
      }
    }
    throw failure ?? toKubeError(new Error(`${this.#url.hostname} has no address`));
  }

  async close(): Promise<void> {
    await Promise.all([...this.#transports.values()].map((transport) => transport.close()));
  }

  /** The one that led the last time first. */
  async #addresses(): Promise<string[]> {
    const hostname = this.#url.hostname.replace(/^\[|\]$/g, '');
    const { resolve = resolved } = this.#o;
    const found = isIP(hostname) === 0 ? await resolve(hostname) : [hostname];
    for (const [address, transport] of this.#transports) {
      if (found.includes(address)) continue;
      this.#transports.delete(address);
      void transport.close();
    }
    return [...found].sort((a, b) => Number(b === this.#leader) - Number(a === this.#leader));
  }

  #transport(address: string): Transport {
    const known = this.#transports.get(address);
    if (known !== undefined) return known;
    const url = new URL(this.#url);
    url.hostname = isIP(address) === 6 ? `[${address}]` : address;
    const made = createTransport({
      server: url.href,
      serverName: this.#url.hostname,
      token: this.#o.token,
      maxConnections: 4,
      userAgent: 'idlewild-portal',
    });
    this.#transports.set(address, made);
    return made;
  }
}

async function resolved(hostname: string): Promise<string[]> {
  return (await lookup(hostname, { all: true })).map(({ address }) => address);
}
