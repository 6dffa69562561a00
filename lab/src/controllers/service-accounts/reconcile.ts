// Keeps `default` and kube-root-ca.crt in every namespace; pods cannot be created before the ServiceAccount exists, so speed counts.
import { configMaps, serviceAccounts } from '@idlewild/operator/api/resources.ts';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { KubeClient } from '@idlewild/operator/kube/client.ts';
import { Controller } from '@idlewild/operator/kube/controller.ts';
import { isAlreadyExists, isConflict, isNotFound, KubeError } from '@idlewild/operator/kube/errors.ts';
import { Informer } from '@idlewild/operator/kube/informer.ts';
import type { KubeObject } from '@idlewild/operator/kube/object.ts';
import type { Logger } from 'pino';
import type { Namespace } from '../../model/namespace.ts';
import { DEFAULT_SERVICE_ACCOUNT, needsOf, ROOT_CA_CONFIG_MAP, type ConfigMap, type Need } from './decide.ts';

export interface ServiceAccountDeps {
  readonly client: KubeClient;
  readonly namespaces: Informer<Namespace>;
  readonly clock: Clock;
  readonly log: Logger;
  /** PEM of the CA that signed the API server's certificate. */
  readonly caPem: string;
}

export class ServiceAccountController {
  readonly #deps: ServiceAccountDeps;
  readonly #accounts: Informer<KubeObject>;
  readonly #rootCas: Informer<ConfigMap>;
  readonly #controller: Controller;

  constructor(deps: ServiceAccountDeps) {
    this.#deps = deps;
    const { client, clock, log } = deps;
    const named = (name: string) => ({ client, clock, log, fieldSelector: `metadata.name=${name}` });
    this.#accounts = new Informer<KubeObject>({ ...named(DEFAULT_SERVICE_ACCOUNT), type: serviceAccounts });
    this.#rootCas = new Informer<ConfigMap>({ ...named(ROOT_CA_CONFIG_MAP), type: configMaps });
    this.#controller = new Controller({
      name: 'service-accounts',
      log,
      clock,
      concurrency: 4,
      reconcile: (name) => this.#reconcile(name),
    });
    deps.namespaces.onChange(({ object }) => this.#controller.enqueue(object.metadata.name));
    for (const informer of [this.#accounts, this.#rootCas] as readonly Informer<KubeObject>[])
      informer.onChange(({ type, object }) => {
        if (type !== 'added' && object.metadata.namespace) this.#controller.enqueue(object.metadata.namespace);
      });
  }

  async run(signal: AbortSignal): Promise<void> {
    const following = [this.#accounts.run(signal), this.#rootCas.run(signal)];
    await Promise.all([this.#deps.namespaces.synced(), this.#accounts.synced(), this.#rootCas.synced()]);
    await Promise.all([...following, this.#controller.run(signal)]);
  }

  async #reconcile(name: string): Promise<void> {
    const namespace = this.#deps.namespaces.store.get(name);
    if (!namespace) return;
    const present = {
      hasServiceAccount: this.#accounts.store.get(`${name}/${DEFAULT_SERVICE_ACCOUNT}`) !== undefined,
      rootCa: this.#rootCas.store.get(`${name}/${ROOT_CA_CONFIG_MAP}`),
    };
    for (const need of needsOf(namespace, present, this.#deps.caPem)) {
      try {
        await this.#fulfil(need, name);
      } catch (error) {
        if (!isOvertaken(error)) throw error;
      }
    }
  }

  async #fulfil(need: Need, namespace: string): Promise<void> {
    const { client } = this.#deps;
    switch (need.kind) {
      case 'createServiceAccount':
        await client.create(serviceAccounts, { metadata: { name: DEFAULT_SERVICE_ACCOUNT, namespace } });
        return;
      case 'createRootCa':
        await client.create(configMaps, rootCa(namespace, need.data));
        return;
      case 'updateRootCa':
        await client.mergePatch(configMaps, { namespace, name: ROOT_CA_CONFIG_MAP }, { data: need.data });
        return;
    }
  }
}

function rootCa(namespace: string, data: Readonly<Record<string, string>>) {
  return { metadata: { name: ROOT_CA_CONFIG_MAP, namespace }, data };
}

/** The namespace ended meanwhile, or somebody else was faster: the next change brings us back. */
function isOvertaken(error: unknown): boolean {
  if (isAlreadyExists(error) || isNotFound(error) || isConflict(error)) return true;
  return (
    error instanceof KubeError &&
    error.kind === 'forbidden' &&
    (error.body?.details?.causes ?? []).some(({ reason }) => reason === 'NamespaceTerminating')
  );
}
