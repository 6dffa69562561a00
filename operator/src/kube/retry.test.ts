// Which failed requests are sent again.
import { describe, expect, it } from '@jest/globals';
import { KubeError, type KubeErrorKind } from './errors.ts';
import { retryDelayMs } from './retry.ts';

interface Case {
  readonly why: string;
  readonly method: string;
  readonly kind: KubeErrorKind;
  readonly retryAfterMs?: number;
  readonly attempt?: number;
  readonly elapsedMs?: number;
  readonly expected: number | undefined;
}

const cases: Case[] = [
  { why: 'a throttled write with Retry-After', method: 'POST', kind: 'throttled', retryAfterMs: 1000, expected: 1000 },
  { why: 'a refused eviction (429 without it)', method: 'POST', kind: 'throttled', expected: undefined },
  { why: 'an overloaded server with Retry-After', method: 'PATCH', kind: 'server', retryAfterMs: 500, expected: 500 },
  { why: 'a server error of another sort', method: 'GET', kind: 'server', expected: undefined },
  { why: 'a wait that is too long', method: 'GET', kind: 'throttled', retryAfterMs: 60_000, expected: undefined },
  {
    why: 'a wait that has been long enough',
    method: 'GET',
    kind: 'throttled',
    retryAfterMs: 1000,
    elapsedMs: 9_500,
    expected: undefined,
  },
  { why: 'the sixth try', method: 'GET', kind: 'throttled', retryAfterMs: 1, attempt: 5, expected: undefined },
  { why: 'a read on a connection that broke', method: 'GET', kind: 'network', expected: 0 },
  { why: 'a read whose second connection broke', method: 'GET', kind: 'network', attempt: 1, expected: undefined },
  { why: 'a write on a connection that broke', method: 'POST', kind: 'network', expected: undefined },
  { why: 'a patch on a connection that broke', method: 'PATCH', kind: 'network', expected: undefined },
  { why: 'a conflict', method: 'PUT', kind: 'conflict', expected: undefined },
  { why: 'a timeout', method: 'GET', kind: 'timeout', expected: undefined },
];

describe('retryDelayMs', () => {
  it.each(cases)('for $why is $expected', ({ method, kind, retryAfterMs, attempt = 0, elapsedMs = 0, expected }) => {
    const error = new KubeError('x', { kind, retryAfterMs });
    expect(retryDelayMs({ method, error, attempt, elapsedMs }, () => 0)).toBe(expected);
  });
});
