// The API server: state, registry, auth, admission and the HTTPS front put together. Knows Kubernetes and nothing of what
// runs on it. `startApiServer` is all that others use.

import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pino, type Logger } from 'pino';
import type { Pki } from '../pki/pki.ts';
import { createAdmission } from './admission/chain.ts';
import { Policies } from './admission/policies.ts';
import { Webhooks } from './admission/webhooks.ts';
import { watchAvailability } from './aggregation/availability.ts';
import { syncLocalApiServices } from './aggregation/local-api-services.ts';
import { createAuth } from './auth/auth.ts';
import { bootstrapObjects } from './builtin/bootstrap.ts';
import { createDiscovery } from './discovery/discovery.ts';
import { createFront } from './front.ts';
import { createOpenApi } from './openapi/openapi.ts';
import { kindsWithWorkloads } from './builtin/workloads.ts';
import { createRegistry } from './registry/registry.ts';
import type { ApiObject, ObjectReader, StaticToken, User } from './registry/types.ts';
import { apiServiceKey, cleanTerminating, crdKey, syncDefinitions } from './rest/crd-sync.ts';
import { storageKey, type Parts } from './rest/parts.ts';
import { followClusterRoles } from './rest/role-aggregation.ts';
import { createObject } from './rest/write.ts';
import { schemaFunctions } from './schema/schema-functions.ts';
import { Store } from './storage/store.ts';

export interface ApiServerOptions {
  /** Directory of the SQLite file; made if missing. One server at a time. */
  readonly dataDir: string;
  /** 0 or absent: a free port. */
  readonly port?: number;
  readonly host?: string;
  readonly log?: Logger;
  readonly tokens: readonly StaticToken[];
  readonly pki: Pki;
  /** How many changes are kept for watchers that come back; older resourceVersions are answered 410. */
  readonly watchHistory?: number;
  /** Takes workloads too, and runs none. Not unless asked for. */
  readonly workloads?: boolean;
  /** Milliseconds since the epoch. */
  readonly clock?: { now(): number };
}

export interface RunningApiServer {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  readonly port: number;
  close(): Promise<void>;
}

/** How long open answers may take to end when the server stops, ms. */
const lastWordsMs = 250;

const server: User = { name: 'system:apiserver', groups: ['system:masters'] };

/** Resolves when the server answers. Rejects if the port or the data directory is taken. */
export async function startApiServer(options: ApiServerOptions): Promise<RunningApiServer> {
  const log = options.log ?? pino({ level: 'silent' });
  const clock = options.clock ?? { now: () => Date.now() };
  const host = options.host ?? '127.0.0.1';
  await mkdir(options.dataDir, { recursive: true });
  const store = new Store(join(options.dataDir, 'state.sqlite'), { history: options.watchHistory ?? 4000 });
  const registry = createRegistry(options.workloads === true ? kindsWithWorkloads : undefined);
  const webhooks = new Webhooks(store, registry, log);
  const auth = createAuth({
    reader: readerOf(store),
    tokens: options.tokens,
    serviceAccountKeyPem: options.pki.serviceAccountKeyPem,
    now: () => clock.now(),
    newId: randomUUID,
  });
  const parts: Parts = {
    store,
    registry,
    schemas: schemaFunctions,
    auth,
    admission: createAdmission(store, new Policies(store, registry), webhooks, auth),
    clock,
    log,
    newUid: randomUUID,
    random: Math.random,
  };
  followDefinitions(parts, log);
  await createBootstrapObjects(parts);
  followClusterRoles(store);
  const stopping = new AbortController();
  const [frontProxy, kubeletClient] = await Promise.all([
    options.pki.issue('front-proxy-client'),
    options.pki.issue('kube-apiserver-kubelet-client', { organizations: ['system:masters'] }),
  ]);
  const availability = watchAvailability(
    parts,
    { certPem: frontProxy.certPem, keyPem: frontProxy.keyPem },
    stopping.signal,
  );
  const address = (): string => `${host}:${(front.address() as AddressInfo | null)?.port ?? 0}`;
  const front = createFront({
    parts,
    pki: options.pki,
    discovery: createDiscovery(registry, { address, remoteResources: availability.resources }),
    openApi: createOpenApi(registry),
    frontProxy,
    kubeletCredentials: { cert: kubeletClient.certPem, key: kubeletClient.keyPem },
    stopping: stopping.signal,
  });
  await new Promise<void>((resolve, reject) => {
    front.once('error', reject);
    front.listen(options.port ?? 0, host, () => {
      front.off('error', reject);
      resolve();
    });
  });
  const { port } = front.address() as AddressInfo;
  return {
    url: `https://${host}:${port}`,
    port,
    async close() {
      stopping.abort();
      // Watches are ended by the signal; they get a moment to say so, so that clients see an end and no broken connection.
      await new Promise<void>((resolve) => {
        const force = setTimeout(() => front.closeAllConnections(), lastWordsMs);
        front.close(() => {
          clearTimeout(force);
          resolve();
        });
        front.closeIdleConnections();
      });
      await webhooks.close();
      store.close();
    },
  };
}

/** What is served follows what is stored, in the same turn in which a definition is stored. */
function followDefinitions(parts: Parts, log: Logger): void {
  const { store, registry } = parts;
  let syncing = false;
  const sync = (): void => {
    if (syncing) return;
    syncing = true;
    try {
      syncDefinitions(parts);
      syncLocalApiServices(parts);
    } finally {
      syncing = false;
    }
    cleanLater();
  };
  let cleaning = Promise.resolve();
  const cleanLater = (): void => {
    if (!store.list(crdKey).some((crd) => crd.metadata?.deletionTimestamp !== undefined)) return;
    cleaning = cleaning
      .then(() => cleanTerminating(parts, log))
      .catch((error: unknown) => {
        log.error({ error: String(error) }, 'cleaning up after a deleted definition failed');
      });
  };
  sync();
  registry.setApiServices(store.list(apiServiceKey));
  store.subscribe(crdKey, sync);
  store.subscribe(apiServiceKey, (change) => {
    registry.setApiServices(store.list(apiServiceKey));
    if (change.type === 'DELETED') sync();
  });
  // An object that was the last of its definition may have been held by a finalizer until now.
  store.subscribeAll((change) => {
    if (change.type === 'DELETED' && change.resource !== crdKey) cleanLater();
  });
}

async function createBootstrapObjects(parts: Parts): Promise<void> {
  for (const object of bootstrapObjects) {
    const [group, version] = (object.apiVersion ?? '').includes('/')
      ? (object.apiVersion ?? '').split('/')
      : ['', object.apiVersion ?? ''];
    const resource = parts.registry
      .all()
      .find((served) => served.kind === object.kind && served.group === group && served.version === version);
    if (resource === undefined) throw new Error(`bootstrap object of an unserved kind ${object.kind ?? ''}`);
    const { namespace = '', name = '' } = object.metadata ?? {};
    if (parts.store.get(storageKey(resource), namespace, name) !== undefined) continue;
    const write = { dryRun: false, fieldManager: 'kube-apiserver', fieldValidation: 'Ignore' as const, force: false };
    await createObject(
      parts,
      { resource, subresource: '', namespace, name, user: server, options: write, warnings: [] },
      structuredClone(object),
    );
  }
}

function readerOf(store: Store): ObjectReader {
  const key = (group: string, plural: string): string => `${group}/${plural}`;
  return {
    get: (group, plural, namespace, name): ApiObject | undefined => store.get(key(group, plural), namespace, name),
    list: (group, plural, namespace) => store.list(key(group, plural), namespace ?? ''),
    revision: (group, plural) => store.revisionOf(key(group, plural)),
  };
}
