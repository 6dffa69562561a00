// The operator's bundle as an image would hold it: a directory outside of the repository, which finds none of its libraries.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { bundleOperator, operatorNodeFlags } from './bundle-operator.ts';

let dir: string;
let program: string;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'iw-bundle-'));
  program = await bundleOperator(join(dir, 'program'));
}, 120_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function run(...args: string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...operatorNodeFlags, program, ...args], {
    cwd: dir,
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  return { status, output: stdout + stderr };
}

describe('the bundle of the operator', () => {
  it('says what it can be told', () => {
    expect(run('--help')).toMatchObject({ status: 0, output: expect.stringContaining('--kubeconfig') });
  });

  it('has with it what is loaded only when it is needed, and names the lines of the sources', () => {
    const file = join(dir, 'config');
    const config = {
      'current-context': 'one',
      contexts: [{ name: 'one', context: { cluster: 'one', user: 'one' } }],
      clusters: [{ name: 'one', cluster: { server: 'https://127.0.0.1:1' } }],
      users: [{ name: 'one', user: { username: 'somebody', password: 'something' } }],
    };
    writeFileSync(file, stringify(config));
    const { status, output } = run('--kubeconfig', file);
    expect(status).toBe(1);
    // Told by the Kubernetes client library, which alone understands such a user.
    expect(output).toMatch(/logs in by user name and password/);
    expect(output).toMatch(/operator\/src\/kube\/credentials\.ts:\d+/);
  });

  it('takes the place of an older one', async () => {
    const old = join(dir, 'program/old.mjs');
    writeFileSync(old, '');
    await bundleOperator(join(dir, 'program'));
    expect(existsSync(old)).toBe(false);
    expect(run('--help').status).toBe(0);
  }, 120_000);
});
