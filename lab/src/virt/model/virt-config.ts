// What the KubeVirt object configures: rollout of template changes, the default eviction strategy, limits of migrations.
// Pure: reads spec.configuration of the object and fills in KubeVirt's defaults (pkg/virt-config/virt-config.go).
import type { EvictionStrategy } from './instance.ts';
import { migrationDefaults, type MigrationConfiguration } from './migration.ts';

export interface VirtConfig {
  readonly rollout: 'LiveUpdate' | 'Stage';
  readonly evictionStrategy: EvictionStrategy;
  readonly migrations: MigrationConfiguration;
}

/** The KubeVirt object, as far as this lab reads it. */
export interface KubeVirtObject {
  readonly spec?: {
    readonly configuration?: {
      readonly vmRolloutStrategy?: 'LiveUpdate' | 'Stage';
      readonly evictionStrategy?: EvictionStrategy;
      readonly migrations?: Partial<MigrationConfiguration>;
    };
  };
}

export function configOf(kubevirt: KubeVirtObject | undefined): VirtConfig {
  const configuration = kubevirt?.spec?.configuration;
  return {
    rollout: configuration?.vmRolloutStrategy ?? 'LiveUpdate',
    evictionStrategy: configuration?.evictionStrategy ?? 'None',
    migrations: { ...migrationDefaults, ...configuration?.migrations },
  };
}
