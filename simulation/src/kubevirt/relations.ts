// Which pods and migrations belong to which instance, and which pods are on which machine: kept from the writes, so that no step
// has to look through all objects.

import type { Pod } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachineInstanceMigration } from '@idlewild/operator/api/kubevirt.ts';
import { pods, virtualMachineInstanceMigrations } from '@idlewild/operator/api/resources.ts';
import { keyOf, refOf, type KubeObject } from '@idlewild/operator/kube/object.ts';
import type { Write } from '../api/memory-api.ts';
import type { Cluster } from './cluster.ts';

/** namespace/name of the instance that a launcher pod belongs to. */
export function instanceOfPod({ metadata }: KubeObject): string | undefined {
  const name = metadata.annotations?.['kubevirt.io/domain'];
  return name === undefined ? undefined : `${metadata.namespace}/${name}`;
}

export function instanceOfMigration({ metadata, spec }: VirtualMachineInstanceMigration): string {
  return `${metadata.namespace}/${spec.vmiName}`;
}

export class Relations {
  readonly #cluster: Cluster;
  readonly #podsOf = new Map<string, Set<string>>();
  readonly #podsOn = new Map<string, Set<string>>();
  readonly #migrationsOf = new Map<string, Set<string>>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** Must be told of every write before anybody asks. */
  saw({ type, kind, object }: Write): void {
    const change = type === 'DELETED' ? remove : add;
    if (kind.type.plural === pods.plural) {
      const vmi = instanceOfPod(object);
      const node = (object as unknown as Pod).spec.nodeName;
      if (vmi !== undefined) change(this.#podsOf, vmi, keyOf(object));
      if (node !== undefined) change(this.#podsOn, node, keyOf(object));
    } else if (kind.type.plural === virtualMachineInstanceMigrations.plural) {
      const migration = object as unknown as VirtualMachineInstanceMigration;
      change(this.#migrationsOf, instanceOfMigration(migration), keyOf(object));
    }
  }

  /** Launcher pods of this very instance, in the order of their creation. */
  podsOf(vmi: KubeObject): Pod[] {
    return this.#found<Pod>(pods, this.#podsOf.get(keyOf(vmi))).filter(({ metadata }) =>
      metadata.ownerReferences?.some(({ uid }) => uid === vmi.metadata.uid),
    );
  }

  podsOn(node: string): Pod[] {
    return this.#found<Pod>(pods, this.#podsOn.get(node));
  }

  migrationsOf(vmi: string): VirtualMachineInstanceMigration[] {
    return this.#found<VirtualMachineInstanceMigration>(virtualMachineInstanceMigrations, this.#migrationsOf.get(vmi));
  }

  #found<T extends KubeObject>(type: typeof pods, keys: ReadonlySet<string> | undefined): T[] {
    return [...(keys ?? [])].flatMap((key) => this.#cluster.get<T>(type, refOf(key)) ?? []);
  }
}

function add(map: Map<string, Set<string>>, key: string, value: string): void {
  const values = map.get(key);
  if (values) values.add(value);
  else map.set(key, new Set([value]));
}

function remove(map: Map<string, Set<string>>, key: string, value: string): void {
  const values = map.get(key);
  values?.delete(value);
  if (values?.size === 0) map.delete(key);
}
