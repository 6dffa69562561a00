import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Obstacle, preflight } from './preflight.ts';

describe('the look before a start', () => {
  it('is stopped by a directory of Kubernetes programs that has none, and says the way out', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'idlewild-preflight-'));
    try {
      const looked = preflight(dir, { KUBEBUILDER_ASSETS: dir });
      await expect(looked).rejects.toThrow(Obstacle);
      await expect(looked).rejects.toThrow(
        `KUBEBUILDER_ASSETS: ${join(dir, 'kube-apiserver')} is not there or cannot be executed; kube-apiserver and etcd are needed; unset it to use the lab's own API server`,
      );
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
});
