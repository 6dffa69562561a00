// Jest runs TypeScript as ES modules; swc only strips the types, as Node itself does when the programs run.
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2024', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/.lab/'],
  modulePathIgnorePatterns: ['/.lab/'],
  haste: { forceNodeFilesystemAPI: true },
  // Against hanging only: a busy machine takes seconds for what takes milliseconds.
  testTimeout: 30_000,
};
