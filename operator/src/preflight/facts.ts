// What can be known of a cluster before jobs run in it: as it was read, without judgement.

import type { Lease, Node, Toleration } from '../api/kubernetes.ts';
import type { KubeObject } from '../kube/object.ts';
import type { Seen } from './finding.ts';
import type { Right } from './rights.ts';

/** KubeVirt's own object, as far as Idlewild depends on it (KubeVirt staging/src/kubevirt.io/api/core/v1/types.go). */
export interface KubeVirt extends KubeObject {
  readonly spec?: {
    readonly workloads?: { readonly nodePlacement?: { readonly tolerations?: readonly Toleration[] } };
    readonly workloadUpdateStrategy?: { readonly workloadUpdateMethods?: readonly string[] };
    readonly configuration?: {
      readonly vmRolloutStrategy?: string;
      readonly developerConfiguration?: {
        readonly useEmulation?: boolean;
        readonly disabledFeatureGates?: readonly string[];
      };
      readonly migrations?: {
        readonly parallelMigrationsPerCluster?: number;
        readonly parallelOutboundMigrationsPerNode?: number;
        readonly network?: string;
        readonly allowPostCopy?: boolean;
        readonly disableTLS?: boolean;
      };
    };
  };
  readonly status?: {
    readonly phase?: string;
    readonly observedKubeVirtVersion?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[];
  };
}

/** A JSON schema as a CustomResourceDefinition holds it. */
export interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
}

export interface Definition extends KubeObject {
  readonly spec: {
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly schema?: { readonly openAPIV3Schema?: Schema };
    }[];
  };
}

export interface PolicyBinding extends KubeObject {
  readonly spec?: { readonly policyName?: string; readonly validationActions?: readonly string[] };
}

export interface AskedRight extends Right {
  readonly allowed: boolean;
}

/** The same Leases twice, so that no clock has to agree with another. */
export interface Renewals {
  readonly before: readonly Lease[];
  readonly after: readonly Lease[];
  readonly apartMs: number;
}

export interface Facts {
  /** Such as "v1.34.1+k3s1". */
  readonly version: Seen<string>;
  readonly kubeVirts: Seen<readonly KubeVirt[]>;
  readonly nodes: Seen<readonly Node[]>;
  /** Of ComputeJobs. */
  readonly definition: Seen<Definition>;
  readonly renewals: Seen<Renewals>;
  /** Names of admission policies. */
  readonly policies: Seen<readonly string[]>;
  readonly bindings: Seen<readonly PolicyBinding[]>;
  readonly rights: Seen<readonly AskedRight[]>;
}
