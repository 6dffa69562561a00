import { describe, expect, it } from '@jest/globals';
import { hasFormat, isMicroTime } from './formats.ts';

describe('formats', () => {
  it.each<[string, string, boolean]>([
    ['date-time', '2026-11-21T02:38:48Z', true],
    ['date-time', '2026-11-21T02:38:48.123+02:00', true],
    ['date-time', 'yesterday', false],
    ['date-time', '2026-13-45T00:00:00Z', false],
    ['duration', '1h30m', true],
    ['duration', '5 minutes', true],
    ['duration', 'soon', false],
    ['byte', 'aGVsbG8=', true],
    ['byte', 'not base64!', false],
    ['ipv4', '10.0.0.1', true],
    ['ipv4', '10.0.0', false],
    ['cidr', '10.0.0.0/8', true],
    ['cidr', '10.0.0.0/40', false],
    ['uuid', '7247589a-b9f6-459a-8b62-a5f9299094c4', true],
    ['quantity', '1.5Gi', true],
    ['quantity', '1.5GiB', false],
    ['anything-else', 'whatever', true],
  ])('%s of %s is %s', (format, text, expected) => expect(hasFormat(format, text)).toBe(expected));

  it('wants exactly six digits in a micro time', () => {
    expect(isMicroTime('2026-01-01T00:00:01.123456Z')).toBe(true);
    expect(isMicroTime('2026-01-01T00:00:01.123Z')).toBe(false);
  });
});
