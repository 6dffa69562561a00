// The portal's command line.
// Promises: refuses what it does not know and what is out of range, with the flag's name and what is allowed.

import { parseArgs } from 'node:util';
import { z } from 'zod';
import type { OidcOptions } from './oidc.ts';

const origin = (like: string) =>
  z.string().refine((text) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    return url !== undefined && /^https?:$/.test(url.protocol) && url.origin === text.replace(/\/$/, '');
  }, `must be like ${like}`);

const loopback = /^(127(\.\d+){3}|\[::1\]|localhost)$/;
const issuer = z.string().refine((text) => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url !== undefined && (url.protocol === 'https:' || (url.protocol === 'http:' && loopback.test(url.hostname)));
}, 'must be like https://id.example.org; http only on loopback');
const words = z.string().min(1, 'must not be empty');

const schema = z.strictObject({
  kubeconfig: z.string().min(1).optional(),
  host: z.string().min(1).default('127.0.0.1'),
  port: z
    .string()
    .regex(/^\d{1,5}$/, 'must be a whole number')
    .transform(Number)
    .pipe(z.number().max(65_535))
    .default(0),
  'public-url': z.array(origin('https://portal.example.org')).default([]),
  'session-keys': z.string().min(1).optional(),
  'oidc-issuer-url': issuer.optional(),
  'oidc-client-id': words.optional(),
  'oidc-client-secret-file': words.optional(),
  'oidc-username-claim': words.default('sub'),
  'oidc-username-prefix': z.string().optional(),
  'oidc-groups-claim': words.optional(),
  'oidc-groups-prefix': z.string().default(''),
  'oidc-required-claim': z.array(z.string().regex(/^[^=]+=./, 'must be like NAME=VALUE')).default([]),
  'oidc-scope': z
    .string()
    .refine((text) => text.split(' ').includes('openid'), 'must have openid among its words')
    .default('openid profile email'),
  'oidc-ca-file': words.optional(),
  'oidc-name': words.max(40, 'must be at most 40 characters').default('single sign-on'),
  web: z.string().min(1).optional(),
  'operator-url': origin('http://operator:8080').optional(),
  'lab-control-socket': z.string().startsWith('/', 'must be the path of a socket').optional(),
  'log-level': z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  help: z.boolean().default(false),
});

export type PortalOptions = z.output<typeof schema>;

const flags = {
  kubeconfig: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  'public-url': { type: 'string', multiple: true },
  'session-keys': { type: 'string' },
  'oidc-issuer-url': { type: 'string' },
  'oidc-client-id': { type: 'string' },
  'oidc-client-secret-file': { type: 'string' },
  'oidc-username-claim': { type: 'string' },
  'oidc-username-prefix': { type: 'string' },
  'oidc-groups-claim': { type: 'string' },
  'oidc-groups-prefix': { type: 'string' },
  'oidc-required-claim': { type: 'string', multiple: true },
  'oidc-scope': { type: 'string' },
  'oidc-ca-file': { type: 'string' },
  'oidc-name': { type: 'string' },
  web: { type: 'string' },
  'operator-url': { type: 'string' },
  'lab-control-socket': { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean' },
} as const satisfies Record<keyof PortalOptions, object>;

export const usage = `The Idlewild portal: jobs, machines and consoles in a browser.

  --kubeconfig FILE     KUBECONFIG, ~/.kube/config or the pod's service account unless given
  --host HOST           address to listen on; :: is every address (127.0.0.1)
  --port PORT           its port; 0 picks a free one and logs it (0)
  --public-url URL      where browsers find it, such as https://portal.example.org; may be given several times. With https only,
                        the cookie is for https only (loopback at its own port)
  --session-keys FILE   keys that seal logins, one a line, each 32 bytes in base64; the first seals, all of them open. All replicas
                        need the same ones (a key of its own, so that logins end with the process)
  --operator-url URL    of the operator's metrics, such as http://operator:8080: what it remembers of jobs and machines is shown,
                        deleted jobs included. All addresses of the name are asked for the replica that leads. The portal shows it
                        its own token (only jobs that are still there tell their story)

 Single sign-on (OpenID Connect). The claims' flags mean what those of kube-apiserver mean; give both the same.
  --oidc-issuer-url URL           the issuer; without it, tokens of the cluster are the only way in
  --oidc-client-id ID             the portal's name at the issuer. Its redirect address is URL/api/v1/login/oidc/callback
  --oidc-client-secret-file FILE  its secret (none: a public client)
  --oidc-username-claim CLAIM     (sub)
  --oidc-username-prefix TEXT     before every name; - for nothing (the issuer's URL and #, but nothing before an email)
  --oidc-groups-claim CLAIM       (none: nobody has groups)
  --oidc-groups-prefix TEXT       before every group (nothing)
  --oidc-required-claim NAME=VALUE  only those who have it; may be given several times
  --oidc-scope SCOPES             what is asked for (openid profile email); offline_access makes logins last longer
  --oidc-ca-file FILE             certificates that sign the issuer's (the system's)
  --oidc-name NAME                what the login page calls it (single sign-on)

  --web DIR             the built pages (web/dist beside this program, if it is there)
  --lab-control-socket PATH
                        of a lab of virtual machines: lets those who may patch nodes turn the switches of its machines (none)
  --log-level LEVEL     trace, debug, info, warn, error or silent (info)
`;

/** Throws TypeError with the flag's name and what is allowed. */
export function parsePortalOptions(args: readonly string[]): PortalOptions {
  const { values } = parseArgs({ args: [...args], options: flags });
  const parsed = schema.safeParse(values);
  if (parsed.success) {
    const { data } = parsed;
    if ((data['oidc-issuer-url'] === undefined) !== (data['oidc-client-id'] === undefined))
      throw new TypeError('--oidc-issuer-url: must come with --oidc-client-id, and the other way round');
    return data;
  }
  const [issue] = parsed.error.issues;
  throw new TypeError(`--${issue?.path[0]?.toString()}: ${issue?.message}`);
}

/**
 * @param read gives the text of a file.
 * @returns undefined without an issuer. Throws TypeError for an empty secret.
 */
export function oidcOptionsOf(o: PortalOptions, read: (file: string) => string): OidcOptions | undefined {
  const { 'oidc-issuer-url': url, 'oidc-client-id': clientId, 'oidc-client-secret-file': secretFile } = o;
  if (url === undefined || clientId === undefined) return undefined;
  const clientSecret = secretFile === undefined ? undefined : read(secretFile).trim();
  if (clientSecret === '') throw new TypeError('--oidc-client-secret-file: the file is empty');
  const caFile = o['oidc-ca-file'];
  const rules = {
    issuer: url,
    usernameClaim: o['oidc-username-claim'],
    usernamePrefix: o['oidc-username-prefix'],
    groupsClaim: o['oidc-groups-claim'],
    groupsPrefix: o['oidc-groups-prefix'],
    required: Object.fromEntries(
      o['oidc-required-claim'].map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    ),
  };
  const ca = caFile === undefined ? undefined : read(caFile);
  return { rules, clientId, clientSecret, scope: o['oidc-scope'], label: o['oidc-name'], ca };
}

/** @param text a file of keys. Throws TypeError for what is none, without repeating it. */
export function sessionKeysOf(text: string): Uint8Array[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0)
    throw new TypeError('--session-keys: the file is empty; make a key with: openssl rand -base64 32');
  return lines.map((line, index) => {
    const key = Buffer.from(line.trim(), 'base64');
    if (key.length !== 32) {
      throw new TypeError(
        `--session-keys: line ${index + 1} is not 32 bytes in base64; make one with: openssl rand -base64 32`,
      );
    }
    return key;
  });
}
