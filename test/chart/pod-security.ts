// The Pod Security Standards of Kubernetes, level "restricted", as a list of what a pod breaks. Written from their page
// (kubernetes.io/docs/concepts/security/pod-security-standards), field by field, for Linux.
// Promises: pure; a pod with an empty answer is admitted by a namespace that enforces the level.

interface Security {
  readonly privileged?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly runAsNonRoot?: boolean;
  readonly runAsUser?: number;
  readonly procMount?: string;
  readonly seccompProfile?: { readonly type: string };
  readonly appArmorProfile?: { readonly type: string };
  readonly seLinuxOptions?: { readonly type?: string; readonly user?: string; readonly role?: string };
  readonly capabilities?: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  readonly sysctls?: readonly { readonly name: string }[];
}

interface Container {
  readonly name: string;
  readonly securityContext?: Security;
  readonly ports?: readonly { readonly hostPort?: number }[];
}

interface Volume {
  readonly name: string;
  readonly hostPath?: { readonly path: string };
  readonly [source: string]: unknown;
}

export interface Pod {
  readonly hostNetwork?: boolean;
  readonly hostPID?: boolean;
  readonly hostIPC?: boolean;
  readonly securityContext?: Security;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly Volume[];
}

const volumeSources = new Set([
  ...['configMap', 'csi', 'downwardAPI', 'emptyDir', 'ephemeral', 'persistentVolumeClaim', 'projected', 'secret'],
]);
const seLinuxTypes = new Set(['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t']);
const sysctls = new Set([
  ...['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.ip_unprivileged_port_start'],
  ...['net.ipv4.tcp_syncookies', 'net.ipv4.ping_group_range', 'net.ipv4.ip_local_reserved_ports'],
  ...['net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout', 'net.ipv4.tcp_keepalive_intvl'],
  ...['net.ipv4.tcp_keepalive_probes', 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'],
]);
const profiles = new Set(['RuntimeDefault', 'Localhost']);

/** What the pod breaks: `hostPID`, `volume dev: hostPath /dev`, `container agent: privileged` and so on, in this order. */
export function brokenBy(pod: Pod): string[] {
  const shared = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((field) => pod[field] === true);
  const unsafe = (pod.securityContext?.sysctls ?? []).filter(({ name }) => !sysctls.has(name));
  return [
    ...shared,
    ...unsafe.map(({ name }) => `sysctl ${name}`),
    ...(pod.volumes ?? []).flatMap(brokenByVolume),
    ...[...(pod.initContainers ?? []), ...pod.containers].flatMap((container) =>
      brokenByContainer(container, pod.securityContext ?? {}).map((what) => `container ${container.name}: ${what}`),
    ),
  ];
}

function brokenByVolume({ name, ...sources }: Volume): string[] {
  return Object.keys(sources)
    .filter((source) => !volumeSources.has(source))
    .map((source) => `volume ${name}: ${source}${source === 'hostPath' ? ` ${sources.hostPath?.path}` : ''}`);
}

function brokenByContainer({ securityContext: own = {}, ports = [] }: Container, pod: Security): string[] {
  const { add = [], drop = [] } = own.capabilities ?? {};
  const seccomp = own.seccompProfile ?? pod.seccompProfile;
  const appArmor = own.appArmorProfile ?? pod.appArmorProfile;
  const seLinux = own.seLinuxOptions ?? pod.seLinuxOptions ?? {};
  const user = own.runAsUser ?? pod.runAsUser;
  const rules: readonly (readonly [string, boolean])[] = [
    ['privileged', own.privileged === true],
    ['allowPrivilegeEscalation', own.allowPrivilegeEscalation !== false],
    ['runAsNonRoot', (own.runAsNonRoot ?? pod.runAsNonRoot) !== true],
    ['runAsUser 0', user === 0],
    ['hostPort', ports.some(({ hostPort = 0 }) => hostPort !== 0)],
    ['procMount', (own.procMount ?? 'Default') !== 'Default'],
    ['seccompProfile', seccomp === undefined || !profiles.has(seccomp.type)],
    ['appArmorProfile', appArmor !== undefined && !profiles.has(appArmor.type)],
    ['seLinuxOptions', !seLinuxTypes.has(seLinux.type ?? '') || Boolean(seLinux.user) || Boolean(seLinux.role)],
    ['capabilities kept', !drop.includes('ALL')],
    ...add.map((name) => [`capability ${name}`, name !== 'NET_BIND_SERVICE'] as const),
  ];
  return rules.flatMap(([what, broken]) => (broken ? [what] : []));
}
