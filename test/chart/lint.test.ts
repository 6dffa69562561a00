// What values the chart takes: helm's own linter over the ways in which labs differ, and refusals that name what is wrong.

import { describe, expect, it, jest } from '@jest/globals';
import { kindValues, lint, render } from './chart.ts';

jest.setTimeout(120_000);

const set = (...values: string[]): string[] => values.flatMap((value) => ['--set', value]);
const server = ['dedicated=true', 'cores=16', 'memoryMiB=65536', 'diskMiB=500000', 'graphicsMiB=0', 'gpus=1'];
const groups = ['agent.defaultGroup=', ...server.map((value) => `agent.groups.server.${value}`)];
const signOn = ['portal.oidc.issuerUrl=https://id.example.org', 'portal.oidc.clientId=idlewild'];
const monitored = ['serviceMonitor', 'prometheusRule', 'dashboard'].map((part) => `monitoring.${part}.enabled=true`);

describe('helm lint --strict', () => {
  it.each<[string, readonly string[]]>([
    ["the chart's own values", []],
    ['the values of the end-to-end tests', ['-f', kindValues]],
    ['several groups of machines, none of them the default', set(...groups)],
    ['no portal', set('portal.enabled=false')],
    ['an ingress', set('portal.ingress.enabled=true', 'portal.ingress.tlsSecret=tls', 'networkPolicy.enabled=false')],
    ['single sign-on of a public client', set(...signOn)],
    ['a look at the cluster before each installation', set('preflight.enabled=true')],
    ['monitoring', set(...monitored)],
    ['one replica of each with a history that stays', set('operator.replicas=1', 'operator.history.existingClaim=h')],
    ['a policy and definitions of its own', set('policy=null', 'crds.install=false', 'aggregateRoles=false')],
  ])('takes %s', async (_, args) => {
    expect(await lint(...args)).toContain('1 chart(s) linted, 0 chart(s) failed');
  });

  it.each([
    ['operator.replica=3', "at '/operator': additional properties 'replica' not allowed"],
    ['operators.replicas=3', "at '': additional properties 'operators' not allowed"],
    ['operator.replicas=two', "at '/operator/replicas': got string, want integer"],
    ['operator.image.digest=latest', "at '/operator/image/digest'"],
    ['operator.flags.hold-down[0]=2m', "at '/operator/flags/hold-down'"],
    ['operator.podDisruptionBudget.maxUnavailable=some', "at '/operator/podDisruptionBudget/maxUnavailable'"],
    ['portal.service.port=0', "at '/portal/service/port'"],
    ['portal.logLevel=loud', "at '/portal/logLevel': value must be one of 'trace', 'debug', 'info'"],
    ['portal.publicUrls[0]=portal.example.org', "at '/portal/publicUrls/0'"],
    ['portal.oidc.issuerUrl=https://id.example.org', "at '/portal/oidc/clientId': minLength: got 0, want 1"],
    ['portal.oidc.clientId=idlewild', "at '/portal/oidc/clientId': maxLength: got 8, want 0"],
    ['portal.oidc.issuerUrl=http://id.example.org', "at '/portal/oidc/issuerUrl'"],
    ['portal.oidc.clientSecret.value=secret', "additional properties 'value' not allowed"],
    ['portal.oidc.scope=profile', "at '/portal/oidc/scope'"],
    ['operator.portalUrl=portal.example.org', "at '/operator/portalUrl'"],
    ['preflight.enabled=maybe', "at '/preflight/enabled': got string, want boolean"],
    ['agent.groups.desktop.cores=0', "at '/agent/groups/desktop/cores': minimum: got 0, want 1"],
    ['agent.groups.desktop.memory=4096', "at '/agent/groups/desktop': additional properties 'memory' not allowed"],
    ['agent.groups.server.cores=4', "at '/agent/groups/server': missing properties 'dedicated'"],
    ['agent.groups.Server.cores=4', "invalid propertyName 'Server'"],
    ['agent.tokenSeconds=60', "at '/agent/tokenSeconds': minimum: got 60, want 600"],
    ['guests.lanRanges[0]=10.0.0.1', "at '/guests/lanRanges/0'"],
    ['image.pullPolicy=never', "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'"],
    ['monitoring.serviceMonitor.interval=often', "at '/monitoring/serviceMonitor/interval'"],
    ['networkPolicy.enabled=maybe', "at '/networkPolicy/enabled': got string, want boolean"],
  ])('refuses %s, and says where', async (value, words) => {
    await expect(lint(...set(value))).rejects.toThrow(words);
  });
});

describe('groups of machines', () => {
  it('are a DaemonSet each, and the default one takes the machines that nobody labelled', async () => {
    const objects = await render(...set(...groups.slice(1)));
    const daemons = objects.filter(({ kind }) => kind === 'DaemonSet');
    expect(daemons.map(({ metadata }) => metadata.name)).toEqual(['agent-desktop', 'agent-server']);
    expect(daemons.map((each) => JSON.stringify(each).includes('DoesNotExist'))).toEqual([true, false]);
  });
});

describe('a release without the portal', () => {
  it('has nothing of it, its rights neither', async () => {
    const ofPortal = async (...args: string[]): Promise<string[]> =>
      (await render(...args))
        .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/component'] === 'portal')
        .map(({ kind }) => kind);
    expect(await ofPortal()).toEqual(expect.arrayContaining(['ServiceAccount', 'ClusterRole', 'Deployment']));
    expect(await ofPortal(...set('portal.enabled=false'))).toEqual([]);
  });
});
