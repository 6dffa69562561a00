// Single sign-on by the chart: what of it reaches the portal's program, and that its secret is in no place that tells.

import { describe, expect, it, jest } from '@jest/globals';
import { parseOptions } from '@idlewild/operator/options.ts';
import { oidcOptionsOf, parsePortalOptions } from '@idlewild/operator/portal/options.ts';
import { render } from './chart.ts';
import { argsOf, find, podOf } from './workloads.ts';

jest.setTimeout(60_000);

const usual = ['portal.oidc.issuerUrl=https://id.example.org:9443/lab', 'portal.oidc.clientId=idlewild'];
const secret = 'portal.oidc.clientSecret.existingSecret=sign-on';

describe('single sign-on', () => {
  it('is off, and says nothing to the portal, unless there is an issuer', async () => {
    const args = await argsOf('portal');
    expect(args.filter((arg) => arg.startsWith('--oidc'))).toEqual([]);
    expect(oidcOptionsOf(parsePortalOptions(args), () => '')).toBeUndefined();
  });

  it('reaches the portal as the values say', async () => {
    const args = await argsOf(
      'portal',
      ...usual,
      secret,
      'portal.oidc.usernameClaim=email',
      'portal.oidc.usernamePrefix=-',
      'portal.oidc.groupsClaim=groups',
      'portal.oidc.groupsPrefix=uni:',
      'portal.oidc.requiredClaims.hd=example.org',
      'portal.oidc.scope=openid offline_access',
      'portal.oidc.name=the university',
      'portal.oidc.ca.existingConfigMap=ca',
    );
    const read = (file: string): string => `content of ${file}\n`;
    expect(oidcOptionsOf(parsePortalOptions(args), read)).toEqual({
      rules: {
        issuer: 'https://id.example.org:9443/lab',
        usernameClaim: 'email',
        usernamePrefix: '-',
        groupsClaim: 'groups',
        groupsPrefix: 'uni:',
        required: { hd: 'example.org' },
      },
      clientId: 'idlewild',
      clientSecret: 'content of /etc/idlewild/oidc/client-secret',
      scope: 'openid offline_access',
      label: 'the university',
      ca: 'content of /etc/idlewild/oidc-ca/ca.crt\n',
    });
  });

  it('gives the secret as a file and in no other way', async () => {
    const objects = await render(...[...usual, secret].flatMap((value) => ['--set', value]));
    const pod = podOf(find(objects, 'Deployment', 'portal'));
    const mounted = { secretName: 'sign-on', items: [{ key: 'client-secret', path: 'client-secret' }] };
    expect(pod.volumes).toContainEqual({ name: 'oidc', secret: expect.objectContaining(mounted) });
    const [container] = pod.containers;
    expect(container?.env).toBeUndefined();
    expect(container?.volumeMounts).toContainEqual({ name: 'oidc', mountPath: '/etc/idlewild/oidc', readOnly: true });
    expect(objects.filter((each) => JSON.stringify(each).includes('sign-on')).map(({ kind }) => kind)).toEqual([
      'Deployment',
    ]);
  });

  it('lets the portal out to an issuer with a port of its own', async () => {
    const ports = async (...values: string[]): Promise<number[]> => {
      const policy = find(await render(...values.flatMap((value) => ['--set', value])), 'NetworkPolicy', 'portal');
      const { egress } = policy['spec'] as { egress: { ports: { port: number }[] }[] };
      return egress.flatMap((rule) => rule.ports.map(({ port }) => port));
    };
    const without = await ports();
    expect(without).toContain(443);
    expect((await ports(...usual)).filter((port) => !without.includes(port))).toEqual([9443]);
  });
});

describe('the links of jobs to their consoles', () => {
  it.each<[string, string[], string | undefined]>([
    ['lead nowhere while nobody says where the portal is', [], undefined],
    [
      'lead to its first address',
      ['portal.publicUrls={https://a.example.org,https://b.example.org}'],
      'https://a.example.org',
    ],
    [
      'lead to its ingress',
      ['portal.ingress.enabled=true', 'portal.ingress.tlsSecret=t'],
      'https://portal.example.org',
    ],
    ['lead where the values say', ['operator.portalUrl=https://c.example.org/'], 'https://c.example.org'],
    ['lead nowhere without a portal', ['portal.enabled=false', 'portal.publicUrls={https://a.example.org}'], undefined],
  ])('%s', async (_what, values, url) => {
    expect(parseOptions(await argsOf('operator', ...values))['portal-url']).toBe(url);
  });
});
