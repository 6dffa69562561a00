// What helm says after an installation: how it goes on, what is unsafe as it is, and what uninstalling does.

import { describe, expect, it, jest } from '@jest/globals';
import { notes } from './chart.ts';

jest.setTimeout(60_000);

describe('the notes', () => {
  it('say that uninstalling ends guests, by a switch that stays', async () => {
    const text = await notes();
    expect(text).toMatch(/`helm uninstall idlewild -n lab-system` ENDS ALL GUESTS/);
    expect(text).toMatch(/The switch stays on the machines.*\n?.*docs\/operations\.md, "Uninstall"/);
    expect(text).not.toContain('WARNING');
  });

  it.each([
    ['portal.ingress.enabled=true', 'portal.ingress.tlsSecret=tls', 'WARNING: portal.ingress.tlsSecret is empty'],
    [
      'monitoring.serviceMonitor.enabled=true',
      'networkPolicy.monitoringNamespaceSelector.matchLabels.name=monitoring',
      'WARNING: networkPolicy.monitoringNamespaceSelector is empty',
    ],
  ])('warn after %s unless %s', async (value, remedy, warning) => {
    expect(await notes('--set', value)).toContain(warning);
    expect(await notes('--set', value, '--set', remedy)).not.toContain('WARNING');
  });

  it('say what to register for single sign-on, and warn when nobody could come back from there', async () => {
    const sign = ['--set', 'portal.oidc.issuerUrl=https://id.example.org,portal.oidc.clientId=idlewild'];
    const found = await notes(...sign, '--set', 'portal.publicUrls={https://portal.example.org}');
    expect(found).toContain(
      'At https://id.example.org, allow the redirect address https://portal.example.org/api/v1/login/oidc/callback\n',
    );
    expect(found).not.toContain('WARNING');
    expect(await notes(...sign)).toContain('WARNING: portal.publicUrls is empty: nobody can log in');
  });

  it('say how to learn whether jobs can run, and from which pod what is missing', async () => {
    expect(await notes()).toMatch(
      /`helm test idlewild -n lab-system` .*\n.*`kubectl -n lab-system logs idlewild-preflight`/,
    );
    expect(await notes('--set', 'operator.enabled=false')).not.toContain('preflight');
  });

  it('tell of the portal only if there is one', async () => {
    expect(await notes()).toContain('service/portal');
    expect(await notes('--set', 'portal.enabled=false')).not.toContain('portal');
  });
});
