// Starts virt-api: its certificate, its server on a free port, and the objects that lead the API server to it.
// Promises: resolves when it is installed and answers; everything ends with the signal. Throws KubeError when it cannot be installed.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { PartDeps } from '../../control-plane/start.ts';
import { installKinds, installVirt } from '../manifests/install.ts';
import { KUBEVIRT_NAMESPACE, VIRT_API_SERVICE, kubeVirtRef, kubeVirts } from '../manifests/resources.ts';
import { configOf, type KubeVirtObject } from '../model/virt-config.ts';
import { HANDLER_CLIENT } from './subresources/machine-link.ts';
import { virtApiServer } from './server.ts';

const LOOPBACK = '127.0.0.1';

/** @param deps with `port` 0 or none for any free port. */
export async function startVirtApi(deps: PartDeps & { readonly port?: number }): Promise<void> {
  const { client, clock, pki, signal } = deps;
  const log = deps.log.child({ part: 'virt-api' });
  const install = { client, log, clock, signal };
  const hosts = [`${VIRT_API_SERVICE}.${KUBEVIRT_NAMESPACE}.svc`, 'localhost', LOOPBACK];
  const [certificate, handlerClient] = await Promise.all([
    pki.issue('virt-api', { hosts }),
    pki.issue(HANDLER_CLIENT),
    installKinds(install),
  ]);
  const config = configOf(await client.get<KubeVirtObject>(kubeVirts, kubeVirtRef));
  const credentials = { ...handlerClient, caPem: pki.caPem };
  const { server, relay } = virtApiServer({ client, clock, log, config, credentials }, certificate, pki.caPem);
  server.listen(deps.port ?? 0, LOOPBACK);
  await once(server, 'listening');
  signal.addEventListener(
    'abort',
    () => {
      relay.close();
      server.close();
      server.closeAllConnections();
    },
    { once: true },
  );
  const { port } = server.address() as AddressInfo;
  await installVirt(install, { host: LOOPBACK, port, caPem: pki.caPem });
  log.info({ port }, 'virt-api serves');
}
