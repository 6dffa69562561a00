// That every flag which the chart passes is one that the program takes, as told by the programs' own parsers.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, jest } from '@jest/globals';
import { fenceTermsOf, parseOptions as parseAgentOptions } from '@idlewild/agent/options.ts';
import { parseOptions } from '@idlewild/operator/options.ts';
import { parsePortalOptions } from '@idlewild/operator/portal/options.ts';
import { render } from './chart.ts';
import { argsOf, find, podOf } from './workloads.ts';

jest.setTimeout(60_000);

describe('the flags of the chart', () => {
  it('are taken by the operator', async () => {
    const args = await argsOf('operator', 'operator.flags.hold-down=2m');
    expect(parseOptions(args)).toMatchObject({ 'leader-elect': true, namespace: 'lab-system', 'hold-down': 120_000 });
  });

  it('are taken by the portal', async () => {
    const args = await argsOf('portal', 'portal.ingress.enabled=true', 'portal.ingress.tlsSecret=tls');
    expect(parsePortalOptions(args)).toMatchObject({ port: 8080, 'public-url': ['https://portal.example.org'] });
  });

  it('are taken by the agent, and its fence holds', async () => {
    const options = parseAgentOptions(await argsOf('agent-desktop', 'agent.ownerPort=7070'));
    expect(options).toMatchObject({ dedicated: false, 'owner-port': 7070, 'policy-namespace': 'lab-system' });
    expect(() => fenceTermsOf(options)).not.toThrow();
  });

  it('are taken by the agent of a large machine, as a file of values or a release that is upgraded tells of it', async () => {
    // Helm reads numbers of both as floats, which is what this makes of them.
    const json = 'agent={"tokenSeconds":1209600,"groups":{"desktop":{"diskMiB":2097152}}}';
    const pod = podOf(find(await render('--set-json', json), 'DaemonSet', 'agent-desktop'));
    expect(parseAgentOptions(pod.containers[0]?.args ?? [])).toMatchObject({ 'disk-mib': 2_097_152 });
    expect(JSON.stringify(pod.volumes)).toContain('"expirationSeconds":1209600');
  });

  it('have the operator and the portal listen at every address: their pods may have none of IPv4, and are probed', async () => {
    expect(parseOptions(await argsOf('operator'))['metrics-host']).toBe('::');
    expect(parsePortalOptions(await argsOf('portal')).host).toBe('::');
  });

  it('have the agent look for guests where the switch on the machine does, which is wherever a kubelet may have them', async () => {
    const { 'pods-cgroup': groups } = parseAgentOptions(await argsOf('agent-desktop'));
    const unit = readFileSync(join(import.meta.dirname, '../../agent/host/idlewild-fence.service'), 'utf8');
    const commands = [...unit.replaceAll('\\\n', ' ').matchAll(/^Exec(?:Start|StopPost)=(.*)$/gm)];
    expect(commands).toHaveLength(2);
    for (const [, command = ''] of commands) {
      const looked = [...command.matchAll(/--pods-cgroup (\S+?)'?(?= |$)/g)].map(([, dir]) => `/host${dir}`);
      expect(looked).toEqual(groups);
    }
    expect(groups).toEqual(
      expect.arrayContaining([
        ...['kubepods.slice', 'kubepods'].map((name) => `/host/sys/fs/cgroup/${name}`),
        // kind gives its kubelets a group of their own.
        '/host/sys/fs/cgroup/kubelet.slice/kubelet-kubepods.slice',
      ]),
    );
  });
});
