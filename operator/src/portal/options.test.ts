import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { oidcOptionsOf, parsePortalOptions, sessionKeysOf } from './options.ts';

describe('the flags of the portal', () => {
  it('have defaults that listen on loopback only', () => {
    expect(parsePortalOptions([])).toMatchObject({ host: '127.0.0.1', port: 0, 'public-url': [] });
  });

  it.each([
    [['--port', '70000'], '--port'],
    [['--public-url', 'portal.example.org'], '--public-url'],
    [['--public-url', 'https://portal.example.org/path'], '--public-url'],
    [['--log-level', 'loud'], '--log-level'],
    [['--oidc-issuer-url', 'http://id.example.org', '--oidc-client-id', 'a'], '--oidc-issuer-url'],
    [['--oidc-issuer-url', 'https://id.example.org'], '--oidc-client-id'],
    [['--operator-url', 'operator:8080'], '--operator-url'],
    [['--oidc-required-claim', 'hd'], '--oidc-required-claim'],
    [['--oidc-scope', 'profile'], '--oidc-scope'],
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

describe('the flags of single sign-on', () => {
  const flags = ['--oidc-issuer-url', 'https://id.example.org', '--oidc-client-id', 'portal'];

  it('say who the issuer is and what its claims mean; the secret comes from a file', () => {
    const more = [
      '--oidc-client-secret-file',
      '/secret',
      '--oidc-required-claim',
      'hd=a=b',
      '--oidc-groups-claim',
      'g',
    ];
    expect(oidcOptionsOf(parsePortalOptions([...flags, ...more]), (file) => `${file} text\n`)).toEqual({
      rules: {
        issuer: 'https://id.example.org',
        usernameClaim: 'sub',
        usernamePrefix: undefined,
        groupsClaim: 'g',
        groupsPrefix: '',
        required: { hd: 'a=b' },
      },
      clientId: 'portal',
      clientSecret: '/secret text',
      scope: 'openid profile email',
      label: 'single sign-on',
      ca: undefined,
    });
    expect(oidcOptionsOf(parsePortalOptions([]), () => '')).toBeUndefined();
    const empty = parsePortalOptions([...flags, '--oidc-client-secret-file', '/secret']);
    expect(() => oidcOptionsOf(empty, () => '\n')).toThrow('--oidc-client-secret-file');
  });
});
