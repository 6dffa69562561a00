import { describe, expect, it } from '@jest/globals';
import { ClaimRefused, userOfClaims, type ClaimRules } from './claims.ts';

const rules: ClaimRules = {
  issuer: 'https://id.example',
  usernameClaim: 'sub',
  groupsClaim: 'groups',
  groupsPrefix: '',
  required: {},
};
type Claims = Readonly<Record<string, unknown>>;

describe('the claims of an ID token', () => {
  it.each<[string, Partial<ClaimRules>, Claims, string, readonly string[]]>([
    ['the issuer before a subject', {}, { sub: 'ann' }, 'https://id.example#ann', []],
    ['nothing before an e-mail address', { usernameClaim: 'email' }, { email: 'a@b.c' }, 'a@b.c', []],
    ['a verified address', { usernameClaim: 'email' }, { email: 'a@b.c', email_verified: true }, 'a@b.c', []],
    ['the prefix that was chosen', { usernamePrefix: 'oidc:' }, { sub: 'ann' }, 'oidc:ann', []],
    ['no prefix at all', { usernamePrefix: '-' }, { sub: 'ann' }, 'ann', []],
    ['one group', { usernamePrefix: '-' }, { sub: 'a', groups: 'x' }, 'a', ['x']],
    [
      'groups with a prefix',
      { usernamePrefix: '-', groupsPrefix: 'g:' },
      { sub: 'a', groups: ['x', 'y'] },
      'a',
      ['g:x', 'g:y'],
    ],
    [
      'a group that only looks like the cluster’s',
      { groupsPrefix: 'g:', usernamePrefix: '-' },
      { sub: 'a', groups: ['system:masters'] },
      'a',
      ['g:system:masters'],
    ],
    [
      'no groups without a claim for them',
      { groupsClaim: undefined, usernamePrefix: '-' },
      { sub: 'a', groups: ['x'] },
      'a',
      [],
    ],
    ['what is required', { required: { hd: 'lab' }, usernamePrefix: '-' }, { sub: 'a', hd: 'lab' }, 'a', []],
  ])('give %s', (_, change, claims, name, groups) => {
    expect(userOfClaims(claims, { ...rules, ...change })).toEqual({
      name,
      groups: [...groups, 'system:authenticated'],
      extra: {},
    });
  });

  it.each<[string, Partial<ClaimRules>, Claims, string]>([
    ['without a name', {}, {}, 'sub'],
    ['with a name that is no text', {}, { sub: 7 }, 'sub'],
    ['with a name of the cluster', { usernamePrefix: '-' }, { sub: 'system:admin' }, 'sub'],
    ['whose prefix makes one', { usernamePrefix: 'system:' }, { sub: 'admin' }, 'sub'],
    ['with a group of the cluster', {}, { sub: 'a', groups: ['x', 'system:masters'] }, 'groups'],
    ['with groups that are none', {}, { sub: 'a', groups: [{}] }, 'groups'],
    [
      'with an address that nobody verified',
      { usernameClaim: 'email' },
      { email: 'a@b.c', email_verified: false },
      'e-mail',
    ],
    ['without what is required', { required: { hd: 'lab' } }, { sub: 'a', hd: 'other' }, 'hd'],
  ])('%s are refused', (_, change, claims, word) => {
    const act = () => userOfClaims(claims, { ...rules, ...change });
    expect(act).toThrow(ClaimRefused);
    expect(act).toThrow(word);
  });
});
