// How a new version of the operator takes the place of the old one, with and without a claim that keeps its history.

import { describe, expect, it, jest } from '@jest/globals';
import { render } from './chart.ts';
import { find } from './workloads.ts';

jest.setTimeout(60_000);

const oneByOne = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } };

describe('a new version of the operator', () => {
  it.each<[string, readonly string[], unknown]>([
    ['starts beside the old one', [], undefined],
    ['starts beside the old ones that share a claim', ['operator.history.existingClaim=h'], undefined],
    [
      'waits until the old one has gone where one pod has the claim: of a ReadWriteOnce one it would wait for ever',
      ['operator.history.existingClaim=h', 'operator.replicas=1'],
      oneByOne,
    ],
    ['starts beside the old one where there is no claim', ['operator.replicas=1'], undefined],
  ])('%s', async (_, values, strategy) => {
    const { spec } = find(await render(...values.flatMap((value) => ['--set', value])), 'Deployment', 'operator');
    expect((spec as { strategy?: unknown }).strategy).toEqual(strategy);
  });
});
