// Tokens of service accounts: signed with the lab's key, bound to the account's uid and, if asked, to a pod, node or
// secret. A token is worth as much as what it is bound to: when that is gone or was made anew, it is refused.
import { createPrivateKey, createPublicKey } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { conflict, invalid } from '../errors/status.ts';
import type { ApiObject, ObjectReader, User } from '../registry/types.ts';
import { invalid as invalidField, required } from '../schema/errors.ts';
import { asRecord, asString, isRecord, member, stringsOf } from '../schema/json.ts';

const issuer = 'https://kubernetes.default.svc';
const audience = issuer;
const minimumSeconds = 600;
const defaultSeconds = 3600;
const plurals: Readonly<Record<string, string>> = { Pod: 'pods', Node: 'nodes', Secret: 'secrets' };

export interface ServiceAccountTokens {
  /** The user of the token, undefined if it is not one of ours or no longer good. */
  verify(
    token: string,
    audiences?: readonly string[],
  ): Promise<{ readonly user: User; readonly audiences: readonly string[] } | undefined>;
  /** Answers a TokenRequest; throws an ApiFailure on a bad one. */
  issue(account: ApiObject, request: ApiObject): Promise<ApiObject>;
}

export interface TokenOptions {
  /** PEM of the key that signs: RSA (RS256) or EC P-256 (ES256). */
  readonly privateKeyPem: string;
  readonly reader: ObjectReader;
  readonly now: () => number;
  readonly newId: () => string;
}

export function createServiceAccountTokens({ privateKeyPem, reader, now, newId }: TokenOptions): ServiceAccountTokens {
  const privateKey = createPrivateKey(privateKeyPem);
  const publicKey = createPublicKey(privateKey);
  const algorithm = privateKey.asymmetricKeyType === 'ec' ? 'ES256' : 'RS256';

  const stillThere = (claims: Record<string, unknown>, namespace: string): boolean =>
    Object.entries(plurals).every(([kind, plural]) => {
      const bound = claims[kind.toLowerCase()];
      // A pod's token only tells of its node; it ends with the pod.
      if (!isRecord(bound) || (kind === 'Node' && isRecord(claims['pod']))) return true;
      const object = reader.get('', plural, kind === 'Node' ? '' : namespace, asString(bound['name']));
      return object?.metadata?.uid === bound['uid'];
    });

  return {
    async verify(token, audiences = [audience]) {
      try {
        const { payload } = await jwtVerify(token, publicKey, {
          issuer,
          audience: [...audiences],
          algorithms: [algorithm],
          currentDate: new Date(now()),
        });
        const claims = asRecord(payload['kubernetes.io']);
        const [namespace, account] = [asString(claims['namespace']), asRecord(claims['serviceaccount'])];
        const stored = reader.get('', 'serviceaccounts', namespace, asString(account['name']));
        if (!stored || stored.metadata?.uid !== account['uid'] || !stillThere(claims, namespace)) return undefined;
        const granted = [payload.aud ?? []].flat().filter((name) => audiences.includes(name));
        return { user: userOf(namespace, account, claims, payload.jti ?? ''), audiences: granted };
      } catch {
        return undefined; // not a token of ours, expired, or forged: all the same to the caller
      }
    },
    async issue(account, request) {
      const spec = asRecord(request['spec']);
      const seconds = typeof spec['expirationSeconds'] === 'number' ? spec['expirationSeconds'] : defaultSeconds;
      const [name, namespace] = [account.metadata?.name ?? '', account.metadata?.namespace ?? ''];
      const refuse = (error: Parameters<typeof invalid>[2][number]) =>
        invalid({ group: 'authentication.k8s.io', kind: 'TokenRequest' }, '', [error]);
      if (seconds < minimumSeconds)
        throw refuse(
          invalidField('spec.expirationSeconds', seconds, 'may not specify a duration less than 10 minutes'),
        );
      const claims: Record<string, unknown> = { namespace, serviceaccount: { name, uid: account.metadata?.uid } };
      const ref = asRecord(spec['boundObjectRef']);
      if (Object.keys(ref).length > 0) {
        const kind = asString(ref['kind']);
        const plural = plurals[kind];
        if (plural === undefined)
          throw refuse(invalidField('spec.boundObjectRef.kind', kind, 'must be Pod, Secret or Node'));
        const object = reader.get('', plural, kind === 'Node' ? '' : namespace, asString(ref['name']));
        if (!object) throw refuse(required('spec.boundObjectRef', `there is no ${kind} ${asString(ref['name'])}`));
        const uid = asString(ref['uid']);
        if (uid !== '' && uid !== object.metadata?.uid) throw otherUid(plural, asString(ref['name']), uid, object);
        claims[kind.toLowerCase()] = { name: object.metadata?.name, uid: object.metadata?.uid };
        const node = kind === 'Pod' ? asString(member(object, 'spec', 'nodeName')) : '';
        if (node !== '') {
          const nodeUid = reader.get('', 'nodes', '', node)?.metadata?.uid;
          claims['node'] = { name: node, ...(nodeUid !== undefined && { uid: nodeUid }) };
        }
      }
      const issuedAt = Math.floor(now() / 1000);
      const wanted = stringsOf(spec['audiences']);
      const audiences = wanted.length > 0 ? wanted : [audience];
      const token = await new SignJWT({ 'kubernetes.io': claims })
        .setProtectedHeader({ alg: algorithm })
        .setIssuer(issuer)
        .setSubject(`system:serviceaccount:${namespace}:${name}`)
        .setAudience([...audiences])
        .setIssuedAt(issuedAt)
        .setNotBefore(issuedAt)
        .setExpirationTime(issuedAt + seconds)
        .setJti(newId())
        .sign(privateKey);
      const stamp = (at: number) => new Date(at * 1000).toISOString().replace('.000Z', 'Z');
      return {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        metadata: { name, namespace, creationTimestamp: stamp(issuedAt) },
        spec: { audiences, expirationSeconds: seconds, boundObjectRef: Object.keys(ref).length > 0 ? ref : null },
        status: { token, expirationTimestamp: stamp(issuedAt + seconds) },
      };
    },
  };
}

function otherUid(plural: string, name: string, uid: string, object: ApiObject) {
  const why = `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`;
  return conflict({ group: '', plural }, name, `${why} (${object.metadata?.uid ?? ''})`);
}

function userOf(
  namespace: string,
  account: Record<string, unknown>,
  claims: Record<string, unknown>,
  id: string,
): User {
  const extra: Record<string, string[]> = { 'authentication.kubernetes.io/credential-id': [`JTI=${id}`] };
  for (const kind of ['pod', 'node'] as const) {
    if (!isRecord(claims[kind])) continue;
    extra[`authentication.kubernetes.io/${kind}-name`] = [asString(member(claims, kind, 'name'))];
    const uid = asString(member(claims, kind, 'uid'));
    if (uid !== '') extra[`authentication.kubernetes.io/${kind}-uid`] = [uid];
  }
  return {
    name: `system:serviceaccount:${namespace}:${asString(account['name'])}`,
    uid: asString(account['uid']),
    groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
    extra,
  };
}
