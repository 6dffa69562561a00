import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { parsePortalOptions, sessionKeysOf } from './options.ts';

describe('the flags of the portal', () => {
  it('have defaults that listen on loopback only', () => {
    expect(parsePortalOptions([])).toMatchObject({ host: '127.0.0.1', port: 0, 'public-url': [] });
  });

  it.each([
    [['--port', '70000'], '--port'],
    [['--public-url', 'portal.example.org'], '--public-url'],
    [['--public-url', 'https://portal.example.org/path'], '--public-url'],
    [['--log-level', 'loud'], '--log-level'],
    [['--nonsense'], '--nonsense'],
  ])('%j are refused by name', (args, flag) => {
    expect(() => parsePortalOptions(args)).toThrow(flag);
  });
});

describe('session keys', () => {
  it('are lines of 32 bytes', () => {
    const text = `${randomBytes(32).toString('base64')}\n\n${randomBytes(32).toString('base64')}\n`;
    expect(sessionKeysOf(text).map(({ length }) => length)).toEqual([32, 32]);
  });

  it('that are none are refused without being repeated', () => {
    expect(() => sessionKeysOf('c2VjcmV0')).toThrow(/line 1 is not 32 bytes/);
    expect(() => sessionKeysOf('c2VjcmV0')).not.toThrow(/c2VjcmV0/);
    expect(() => sessionKeysOf('\n')).toThrow(/empty/);
  });
});
