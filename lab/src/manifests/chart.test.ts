// That the lab gives the programs exactly what the chart gives them.

import { describe, expect, it } from '@jest/globals';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { defaultCacheDir } from '../images/cache.ts';
import { chartRights } from './chart.ts';

describe('the rights of the chart', () => {
  it('are rendered once, and hold every account with its roles and policies', async () => {
    const rights = await chartRights();
    expect(rights[0]).toMatchObject({ kind: 'Namespace', metadata: { name: 'idlewild-machines' } });
    const count = (kind: string): number => rights.filter((each) => each.kind === kind).length;
    expect(count('ServiceAccount')).toBe(3);
    expect(count('ValidatingAdmissionPolicy')).toBe(count('ValidatingAdmissionPolicyBinding'));
    expect(new Set(rights.flatMap(({ metadata }) => metadata.namespace ?? []))).toEqual(
      new Set(['idlewild-system', 'idlewild-machines', 'kube-node-lease']),
    );
    expect(await chartRights()).toEqual(rights);
    expect(readdirSync(join(defaultCacheDir(), 'charts')).some((name) => name.endsWith('.part'))).toBe(false);
  });
});
