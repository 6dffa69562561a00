// The tokens of the agents: each is bound to the Node of its machine, as a kubelet asks for its pods' tokens.
// Promises: a machine that registers gets its token within a moment, a new one long before the old one ends, and another when its Node
// was made anew; a token is worth nothing once its Node is gone.
import { renameSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { serviceAccounts } from '@idlewild/operator/api/resources.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { operatorNamespace } from './bootstrap.ts';

export interface AgentTokensOptions {
  readonly client: KubeClient;
  /** uid of the machine's Node; undefined while it has none. */
  readonly nodeUid: (machine: string) => string | undefined;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const account = 'agent';
const lifeSeconds = 3_600;
/** A new one is asked for when this part of its life has passed, as a kubelet does. */
const renewAfter = 0.8;
const lookEveryMs = 100;
const retryMs = 1_000;

interface TokenRequest {
  readonly status?: { readonly token?: string };
}

export class AgentTokens {
  readonly #o: AgentTokensOptions;

  constructor(options: AgentTokensOptions) {
    this.#o = options;
  }

  /** Keeps a good token of the machine's agent in the file until the lab ends. */
  async keep(machine: string, file: string): Promise<void> {
    const { nodeUid, say, signal } = this.#o;
    let bound: string | undefined;
    let renewAtMs = 0;
    while (!signal.aborted) {
      const uid = nodeUid(machine);
      let pauseMs = lookEveryMs;
      if (uid !== undefined && (uid !== bound || performance.now() >= renewAtMs)) {
        try {
          writePrivate(file, await this.#issue(machine, uid));
          bound = uid;
          renewAtMs = performance.now() + renewAfter * lifeSeconds * 1000;
        } catch (error) {
          pauseMs = retryMs;
          if (!signal.aborted) say(`${machine}: its agent has no new token: ${(error as Error).message}`);
        }
      }
      await delay(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #issue(machine: string, uid: string): Promise<string> {
    const boundObjectRef = { apiVersion: 'v1', kind: 'Node', name: machine, uid };
    const request = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: { namespace: operatorNamespace },
      spec: { expirationSeconds: lifeSeconds, boundObjectRef },
    };
    const { client, signal } = this.#o;
    const answer = (await client.create(serviceAccounts, request as never, {
      subresource: 'token',
      name: account,
      signal,
    })) as TokenRequest;
    if (answer.status?.token === undefined) throw new Error('the API server answered without a token');
    return answer.status.token;
  }
}

function writePrivate(file: string, text: string): void {
  const partial = `${file}.partial`;
  writeFileSync(partial, text, { mode: 0o600 });
  renameSync(partial, file);
}
