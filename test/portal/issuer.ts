// For tests: an issuer of OpenID Connect on loopback, a real one, whose users need no password; and a browser without a screen that
// logs in there. Users: `ann` is in the group team-a, `evil` says that she is in system:masters, `crowd` is in 200
// groups.
import { EventEmitter } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { callbackPath } from '@idlewild/operator/portal/oidc-login.ts';
import type { OidcOptions } from '@idlewild/operator/portal/oidc.ts';
import Provider from 'oidc-provider';

const secret = 'a secret of the tests, long enough for anything';

export interface Issuer {
  readonly options: OidcOptions;
  readonly provider: Provider;
  /** Where the portal is; before it is known nobody can log in. */
  trust(origin: string): void;
  stop(): Promise<void>;
  /** At the same address as before. */
  start(): Promise<void>;
}

const groups: Readonly<Record<string, readonly string[]>> = {
  ann: ['team-a'],
  evil: ['system:masters'],
  crowd: Array.from({ length: 200 }, (_, index) => `a-group-with-a-long-name-${index}`),
};

export async function startIssuer(): Promise<Issuer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await EventEmitter.once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const redirects: string[] = [];
  const afterwards: string[] = [];
  const client = {
    client_id: 'portal',
    client_secret: secret,
    redirect_uris: redirects,
    post_logout_redirect_uris: afterwards,
    grant_types: ['authorization_code', 'refresh_token'],
  };
  const make = (): Provider =>
    new Provider(issuer, {
      clients: [{ ...client, redirect_uris: [...redirects], post_logout_redirect_uris: [...afterwards] }],
      claims: { openid: ['sub'], profile: ['groups'] },
      conformIdTokenClaims: false,
      features: { revocation: { enabled: true } },
      scopes: ['openid', 'profile', 'offline_access'],
      issueRefreshToken: () => true,
      pkce: { required: () => true },
      ttl: { Interaction: 600, Session: 600, Grant: 600, AccessToken: 600, RefreshToken: 3_600, IdToken: 600 },
      cookies: { keys: ['of the tests'] },
      findAccount: (_context, id) => ({
        accountId: id,
        claims: () => ({ sub: id, groups: [...(groups[id] ?? [])] }),
      }),
    });
  let provider: Provider | undefined;
  let now = server;
  const serve = (request: IncomingMessage, response: ServerResponse): void =>
    void provider?.callback()(request, response);
  now.on('request', serve);
  return {
    options: {
      rules: {
        issuer,
        usernameClaim: 'sub',
        usernamePrefix: 'sso:',
        groupsClaim: 'groups',
        groupsPrefix: '',
        required: {},
      },
      clientId: client.client_id,
      clientSecret: secret,
      scope: 'openid profile',
      label: 'The Lab’s login',
    },
    get provider() {
      if (provider === undefined) throw new Error('no portal is trusted yet');
      return provider;
    },
    trust: (origin) => {
      redirects.push(origin + callbackPath);
      afterwards.push(`${origin}/login`);
      provider = make();
    },
    stop: async () => {
      now.closeAllConnections();
      await new Promise<void>((resolve) => now.close(() => resolve()));
    },
    start: async () => {
      now = createServer(serve);
      now.listen(port, '127.0.0.1');
      await EventEmitter.once(now, 'listening');
    },
  };
}

/** A browser as far as a login needs one: it keeps cookies by host and follows nothing by itself. */
export class Visitor {
  readonly #cookies = new Map<string, string>();

  /** What it would send there. */
  cookiesOf(url: string): string {
    const { host, pathname } = new URL(url);
    return [...this.#cookies]
      .filter(([key]) => key.startsWith(`${host} `) && pathname.startsWith(key.split(' ')[1] ?? ''))
      .map(([key, value]) => `${key.split(' ')[2]}=${value}`)
      .join('; ');
  }

  async go(url: string, init: RequestInit = {}): Promise<Response> {
    const cookie = this.cookiesOf(url);
    const response = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { ...(cookie === '' ? {} : { cookie }), ...(init.headers as Record<string, string> | undefined) },
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split('; ');
      const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      const path = attributes.find((each) => /^path=/i.test(each))?.slice(5) ?? '/';
      const key = `${new URL(url).host} ${path} ${name}`;
      const expires = attributes.find((each) => /^expires=/i.test(each))?.slice(8);
      if (expires !== undefined && Date.parse(expires) < Date.now()) this.#cookies.delete(key);
      else this.#cookies.set(key, value);
    }
    return response;
  }

  /** From the issuer's first page to the address that it sends the browser back to. */
  async consent(url: string, account: string): Promise<string> {
    let next = url;
    for (let step = 0; step < 12; step++) {
      const response = await this.go(next);
      const location = response.headers.get('location');
      if (location !== null) {
        next = new URL(location, next).href;
        if (new URL(next).pathname === callbackPath) return next;
        continue;
      }
      const prompt = /name="prompt" value="(\w+)"/.exec(await response.text())?.[1];
      if (prompt === undefined) throw new Error(`the issuer answered ${response.status} at ${next}`);
      const answer = await this.go(next, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ prompt, login: account, password: 'any' }).toString(),
      });
      next = new URL(answer.headers.get('location') ?? '', next).href;
    }
    throw new Error(`the login led nowhere: ${next}`);
  }
}
