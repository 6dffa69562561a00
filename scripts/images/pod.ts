// A container of the chart in a sandbox: its arguments, environment, security context and mounts as the chart renders them, over
// what its image says. Volumes are directories of the test, and those of the machine are below a played machine's root.
// Promises: understands what the chart's pods have, and refuses what it does not know.

import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageConfig } from './buildah.ts';
import type { Mount, Sandbox } from './sandbox.ts';

interface SecurityContext {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly fsGroup?: number;
  readonly readOnlyRootFilesystem?: boolean;
  readonly allowPrivilegeEscalation?: boolean;
  readonly privileged?: boolean;
  readonly capabilities?: { readonly drop?: readonly string[]; readonly add?: readonly string[] };
}

export interface Container {
  readonly name: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string }[];
  readonly securityContext?: SecurityContext;
  readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
}

export interface PodSpec {
  readonly serviceAccountName: string;
  readonly automountServiceAccountToken?: boolean;
  readonly securityContext?: SecurityContext;
  readonly initContainers?: readonly Container[];
  readonly containers: readonly Container[];
  readonly volumes?: readonly { readonly name: string; readonly hostPath?: { readonly path: string } }[];
}

export interface Place {
  /** The image's files. */
  readonly root: string;
  readonly image: ImageConfig;
  /** Where its volumes are, by name; made if it is not there. */
  readonly volumes: string;
  /** The root of the played machine. */
  readonly machine: string;
  /** The directory with token, ca.crt and namespace that a kubelet mounts. */
  readonly account: string;
  readonly env: Readonly<Record<string, string>>;
}

export function sandboxOf(pod: PodSpec, container: Container, place: Place): Sandbox {
  const security = { ...pod.securityContext, ...container.securityContext };
  if (security.readOnlyRootFilesystem !== true) throw new Error(`${container.name}: its root can be written to`);
  const [uid, gid] = place.image.User.split(':');
  const named = (container.env ?? []).map(({ name, value }) => [name, value ?? place.env[name] ?? ''] as const);
  return {
    root: place.root,
    mounts: mountsOf(pod, container, place),
    user: `${security.runAsUser ?? uid}:${security.runAsGroup ?? gid}`,
    workingDir: place.image.WorkingDir,
    env: {
      ...Object.fromEntries(place.image.Env.map((line) => [line.split('=')[0] ?? '', line.replace(/^[^=]*=/, '')])),
      ...place.env,
      ...Object.fromEntries(named),
    },
    capabilities: capabilitiesOf(security),
    mayGain: security.privileged === true || security.allowPrivilegeEscalation !== false,
  };
}

/** What the container runs: its own words in place of the image's, with `$(NAME)` for what the environment has. */
export function commandOf({ command, args }: Container, { image, env }: Place): string[] {
  const words = [...(command ?? image.Entrypoint), ...(args ?? (command === undefined ? (image.Cmd ?? []) : []))];
  return words.map((word) => word.replace(/\$\((\w+)\)/g, (whole, name: string) => env[name] ?? whole));
}

function mountsOf(pod: PodSpec, { name: owner, volumeMounts = [] }: Container, place: Place): Mount[] {
  const own = volumeMounts.map(({ name, mountPath, readOnly = false }) => {
    const volume = pod.volumes?.find((each) => each.name === name);
    if (volume === undefined) throw new Error(`${owner} mounts ${name}, which is no volume of its pod`);
    const from = volume.hostPath === undefined ? join(place.volumes, name) : join(place.machine, volume.hostPath.path);
    mkdirSync(from, { recursive: true });
    const group = pod.securityContext?.fsGroup;
    if (group !== undefined) {
      chownSync(from, 0, group);
      chmodSync(from, 0o2775);
    }
    return { from, to: mountPath, readOnly };
  });
  if (pod.automountServiceAccountToken === false) return own;
  return [...own, { from: place.account, to: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true }];
}

function capabilitiesOf({ privileged, capabilities }: SecurityContext): string[] {
  if (privileged === true) return ['all'];
  if (capabilities?.drop?.includes('ALL') !== true) throw new Error('a container keeps capabilities that nobody named');
  return (capabilities.add ?? []).map((name) => name.toLowerCase());
}
