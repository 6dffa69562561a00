// The flags with which the real etcd and kube-apiserver are started: meant for kube-apiserver 1.34 to 1.36, on loopback
// alone. Pure; the files that they name are written by `files.ts`.
import type { KubernetesFiles } from './files.ts';

/** The issuer of the lab's own server, so that a lab's tokens mean the same under both. */
const issuer = 'https://kubernetes.default.svc';

/** One member on loopback; its peer port is anyone's, since it has no peers. */
export function etcdFlags(dataDir: string, port: number): string[] {
  const client = `http://127.0.0.1:${port}`;
  return [
    `--data-dir=${dataDir}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    '--listen-peer-urls=http://127.0.0.1:0',
    // A lab's state may be lost with the machine's power.
    '--unsafe-no-fsync=true',
  ];
}

export interface ApiServerAddress {
  readonly port: number;
  readonly etcdPort: number;
}

export function apiServerFlags(files: KubernetesFiles, { port, etcdPort }: ApiServerAddress): string[] {
  return [
    `--etcd-servers=http://127.0.0.1:${etcdPort}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    `--secure-port=${port}`,
    // Addresses of loopback are refused in Endpoints: nobody announces this server to the pods.
    '--endpoint-reconciler-type=none',
    '--service-cluster-ip-range=10.96.0.0/16',
    `--tls-cert-file=${files.serverCert}`,
    `--tls-private-key-file=${files.serverKey}`,
    `--client-ca-file=${files.ca}`,
    `--token-auth-file=${files.tokens}`,
    '--anonymous-auth=true',
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    '--allow-privileged=true',
    `--service-account-issuer=${issuer}`,
    `--service-account-key-file=${files.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    `--kubelet-certificate-authority=${files.ca}`,
    `--kubelet-client-certificate=${files.kubeletClientCert}`,
    `--kubelet-client-key=${files.kubeletClientKey}`,
    '--kubelet-preferred-address-types=InternalIP',
    // How the API that the lab serves behind this one (subresources.kubevirt.io) is told who asks.
    `--proxy-client-cert-file=${files.frontProxyCert}`,
    `--proxy-client-key-file=${files.frontProxyKey}`,
    `--requestheader-client-ca-file=${files.ca}`,
    '--requestheader-allowed-names=front-proxy-client',
    '--requestheader-username-headers=X-Remote-User',
    '--requestheader-group-headers=X-Remote-Group',
    '--requestheader-extra-headers-prefix=X-Remote-Extra-',
    '--event-ttl=1h',
    '--watch-cache=true',
    '--profiling=false',
  ];
}
