// A client whose lists and watches carry object metadata only (PartialObjectMetadata): what garbage collection and namespace
// deletion need of every resource in the cluster, at a fraction of the memory. Only for lists and watches.
import { KubeClient } from '@idlewild/operator/kube/client.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';

const LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json';
const WATCH = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json';

/** Shares the connections and credentials of the given client. */
export function metadataClient(client: KubeClient): KubeClient {
  const transport: Transport = {
    server: client.raw.server,
    request: (request) => client.raw.request({ ...request, headers: { ...request.headers, accept: LIST } }),
    stream: (request) => client.raw.stream({ ...request, headers: { ...request.headers, accept: WATCH } }),
    close: () => client.raw.close(),
  };
  return new KubeClient(transport);
}
