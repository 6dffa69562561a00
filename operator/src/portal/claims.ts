// Who somebody is whom an OpenID Connect issuer vouches for: the claims of an ID token as a user and groups of the cluster.
// Promises: pure; the same name and groups that an API server makes of the same token when it trusts the same issuer with flags of
// the same names, so that the same bindings hold; nobody gets a name or a group that is the cluster's own (`system:`).

import type { User } from '../server/authentication.ts';

export interface ClaimRules {
  readonly issuer: string;
  readonly usernameClaim: string;
  /** Undefined: the issuer and `#`, but nothing before an e-mail address. `-`: nothing. */
  readonly usernamePrefix?: string | undefined;
  /** Undefined: nobody has groups. */
  readonly groupsClaim?: string | undefined;
  readonly groupsPrefix: string;
  /** Claims that must be there with just this value. */
  readonly required: Readonly<Record<string, string>>;
}

type Claims = Readonly<Record<string, unknown>>;

/** Why claims name nobody; the message says which claim. */
export class ClaimRefused extends Error {}

const reserved = 'system:';
/** Every user whom an API server knows is in it. */
const everybody = 'system:authenticated';

/** Throws ClaimRefused. */
export function userOfClaims(claims: Claims, rules: ClaimRules): User {
  for (const [name, value] of Object.entries(rules.required)) {
    if (claims[name] !== value) throw new ClaimRefused(`the claim ${name} is not what this lab requires`);
  }
  const bare = claims[rules.usernameClaim];
  if (typeof bare !== 'string' || bare === '') throw new ClaimRefused(`the claim ${rules.usernameClaim} is missing`);
  if (rules.usernameClaim === 'email' && 'email_verified' in claims && claims['email_verified'] !== true) {
    throw new ClaimRefused('the e-mail address is not verified');
  }
  const name = prefixOf(rules) + bare;
  if (name.startsWith(reserved)) throw new ClaimRefused(`the claim ${rules.usernameClaim} gives a name of the cluster`);
  const groups = groupsOf(claims, rules).map((group) => rules.groupsPrefix + group);
  if (groups.some((group) => group.startsWith(reserved)))
    throw new ClaimRefused(`the claim ${rules.groupsClaim} gives a group of the cluster`);
  return { name, groups: [...new Set([...groups, everybody])], extra: {} };
}

function prefixOf({ usernamePrefix, usernameClaim, issuer }: ClaimRules): string {
  if (usernamePrefix === '-') return '';
  return usernamePrefix ?? (usernameClaim === 'email' ? '' : `${issuer}#`);
}

function groupsOf(claims: Claims, { groupsClaim }: ClaimRules): readonly string[] {
  const found = groupsClaim === undefined ? undefined : claims[groupsClaim];
  if (found === undefined) return [];
  const all: readonly unknown[] = Array.isArray(found) ? found : [found];
  const names = all.filter((each): each is string => typeof each === 'string' && each !== '');
  if (names.length !== all.length)
    throw new ClaimRefused(`the claim ${groupsClaim} is neither a name nor a list of names`);
  return names;
}
