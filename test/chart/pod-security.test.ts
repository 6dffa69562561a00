// How far the chart's pods are from "restricted": not at all, but for the agent, whose exceptions are those that the chart's README gives
// a reason for, and no other.

import { describe, expect, it, jest } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chartDir, kindValues, render, type Rendered } from './chart.ts';
import { brokenBy, type Pod } from './pod-security.ts';

jest.setTimeout(60_000);

const set = (...values: string[]): string[] => values.flatMap((value) => ['--set', value]);

/** The pods of everything that makes some, by kind and name. */
function podsOf(objects: readonly Rendered[]): ReadonlyMap<string, Pod> {
  return new Map(
    objects.flatMap(({ kind, metadata, spec }): [string, Pod][] => {
      const name = `${kind}/${metadata.name}`;
      if (kind === 'Pod') return [[name, spec as Pod]];
      const template = (spec as { readonly template?: { readonly spec?: Pod } } | undefined)?.template?.spec;
      return template?.containers === undefined ? [] : [[name, template]];
    }),
  );
}

const restricted: Pod = {
  securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  containers: [{ name: 'c', securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
};
const [container] = restricted.containers;
const withContext = (more: object): Pod => ({
  ...restricted,
  containers: [{ name: 'c', securityContext: { ...container?.securityContext, ...more } }],
});

describe('the standard as it is read here', () => {
  it.each<[string, Pod, readonly string[]]>([
    ['as little as can be', restricted, []],
    [
      'a port of the machine',
      { ...restricted, containers: [{ ...container!, ports: [{ hostPort: 80 }] }] },
      ['container c: hostPort'],
    ],
    [
      'the machine’s network and processes',
      { ...restricted, hostNetwork: true, hostIPC: true },
      ['hostNetwork', 'hostIPC'],
    ],
    [
      'a path of the machine',
      { ...restricted, volumes: [{ name: 'v', hostPath: { path: '/' } }] },
      ['volume v: hostPath /'],
    ],
    [
      'a disk of its own',
      {
        ...restricted,
        volumes: [
          { name: 'v', nfs: {} },
          { name: 'w', emptyDir: {} },
        ],
      },
      ['volume v: nfs'],
    ],
    [
      'an unsafe sysctl',
      { ...restricted, securityContext: { ...restricted.securityContext, sysctls: [{ name: 'kernel.msgmax' }] } },
      ['sysctl kernel.msgmax'],
    ],
    ['a privileged container', withContext({ privileged: true }), ['container c: privileged']],
    [
      'a container that may gain rights',
      withContext({ allowPrivilegeEscalation: true }),
      ['container c: allowPrivilegeEscalation'],
    ],
    ['root', withContext({ runAsUser: 0 }), ['container c: runAsUser 0']],
    [
      'no word about root',
      { ...restricted, securityContext: { seccompProfile: { type: 'Localhost' } } },
      ['container c: runAsNonRoot'],
    ],
    ['all system calls', withContext({ seccompProfile: { type: 'Unconfined' } }), ['container c: seccompProfile']],
    ['another view of /proc', withContext({ procMount: 'Unmasked' }), ['container c: procMount']],
    ['another type of SELinux', withContext({ seLinuxOptions: { type: 'spc_t' } }), ['container c: seLinuxOptions']],
    [
      'capabilities',
      withContext({ capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE', 'KILL'] } }),
      ['container c: capability KILL'],
    ],
    [
      'capabilities that nobody dropped',
      withContext({ capabilities: { drop: ['KILL'] } }),
      ['container c: capabilities kept'],
    ],
    [
      'a first container that is worse',
      { ...restricted, initContainers: [{ name: 'i' }] },
      ['container i: allowPrivilegeEscalation', 'container i: capabilities kept'],
    ],
  ])('finds %s', (_, pod, broken) => {
    expect(brokenBy(pod)).toEqual(broken);
  });
});

describe('the pods of the chart', () => {
  it.each<[string, readonly string[]]>([
    ["the chart's own values", []],
    ['the values of the end-to-end tests', ['-f', kindValues]],
    [
      'all that can be switched on',
      set('operator.history.existingClaim=h', 'portal.ingress.enabled=true', 'preflight.enabled=true'),
    ],
  ])('are restricted but for the agents, with %s', async (_, values) => {
    const pods = podsOf(await render(...values));
    const others = [...pods].filter(([name]) => !name.startsWith('DaemonSet/agent-'));
    expect(others.map(([name]) => name)).toEqual(
      expect.arrayContaining([
        'Deployment/operator',
        'Deployment/portal',
        'Pod/idlewild-test',
        'Pod/idlewild-preflight',
      ]),
    );
    expect(others.flatMap(([name, pod]) => brokenBy(pod).map((what) => `${name}: ${what}`))).toEqual([]);
  });
});

/** Of every agent. */
const always = [
  'hostPID',
  'volume state: hostPath /var/lib/idlewild',
  'volume run: hostPath /run/idlewild',
  'volume bus: hostPath /run/dbus',
  'volume systemd: hostPath /run/systemd',
  'volume proc: hostPath /proc',
  'volume cgroup: hostPath /sys/fs/cgroup',
  'container agent: runAsNonRoot',
  'container agent: runAsUser 0',
];
const owned = [
  'volume dev: hostPath /dev',
  'volume power: hostPath /sys/class/power_supply',
  'volume devices: hostPath /sys/devices',
  'container agent: privileged',
  'container agent: allowPrivilegeEscalation',
  'container agent: seccompProfile',
  'container agent: capabilities kept',
];
const dedicated = [
  'container agent: appArmorProfile',
  'container agent: seLinuxOptions',
  ...['KILL', 'SYS_CHROOT', 'DAC_OVERRIDE'].map((name) => `container agent: capability ${name}`),
];
/** What every machine has, whatever its architecture: /lib64, for one, is not on those of arm64, and a pod waits for it for ever. */
const programs = ['volume programs-0: hostPath /usr'];
const fence = [
  'volume fence-program: hostPath /usr/local/lib/idlewild',
  'volume fence-unit: hostPath /etc/systemd/system',
  ...['runAsNonRoot', 'runAsUser 0', 'seLinuxOptions'].map((what) => `container fence: ${what}`),
];

describe('the exceptions of the agent', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['a machine with an owner', [], [...always, ...owned, ...programs, ...fence]],
    ['a dedicated machine', ['-f', kindValues], [...always, ...dedicated, ...programs, ...fence]],
    ['a machine that has the switch already', set('agent.installFence=false'), [...always, ...owned, ...programs]],
    ['a machine whose programs it does not get', set('agent.hostPrograms=null'), [...always, ...owned, ...fence]],
    [
      "a machine with the owner's page",
      set('agent.ownerPort=7070'),
      ['hostNetwork', ...always, ...owned, ...programs, ...fence],
    ],
  ])('on %s are these and no other', async (_, values, wanted) => {
    const agents = [...podsOf(await render(...values))].filter(([name]) => name.startsWith('DaemonSet/agent-'));
    expect(agents).toHaveLength(1);
    expect(agents.flatMap(([, pod]) => brokenBy(pod)).sort()).toEqual([...wanted].sort());
  });

  it("have each a reason in the chart's README, and every reason is of an exception", async () => {
    const readme = readFileSync(join(chartDir, 'README.md'), 'utf8');
    const [, table = ''] = /\| exception[^\n]*\n\|[-| ]+\n((?:\|[^\n]*\n)+)/.exec(readme) ?? [];
    const rows = table
      .trim()
      .split('\n')
      .map((row) => row.split('|').map((cell) => cell.trim()));
    expect(rows.filter(([, exception = '', reason = '']) => exception === '' || reason === '')).toEqual([]);
    const told = rows.flatMap(([, exception = '']) => [...exception.matchAll(/`([^`]+)`/g)].map(([, word]) => word));
    const paths = [...always, ...owned, ...fence].flatMap((what) => /hostPath (.+)$/.exec(what)?.[1] ?? []);
    const words = [
      'hostPID',
      'hostNetwork',
      'privileged',
      'runAsUser',
      'KILL',
      'SYS_CHROOT',
      'DAC_OVERRIDE',
      'appArmorProfile',
      'seLinuxOptions',
      'seccompProfile',
    ];
    expect(told.sort()).toEqual([...paths, ...words, 'agent.hostPrograms', 'agent.ownerPort'].sort());
  });

  it('write to the machine only where the README says so', async () => {
    const objects = [...(await render()), ...(await render('-f', kindValues))];
    const written = objects
      .filter(({ kind }) => kind === 'DaemonSet')
      .flatMap((daemon) => {
        const pod = (daemon.spec as { template: { spec: Pod } }).template.spec;
        const mounts = [...(pod.initContainers ?? []), ...pod.containers].flatMap(
          (each) => (each as unknown as { volumeMounts: { name: string; readOnly?: boolean }[] }).volumeMounts,
        );
        return mounts
          .filter(({ readOnly }) => readOnly !== true)
          .flatMap(({ name }) => pod.volumes?.find((each) => each.name === name)?.hostPath?.path ?? []);
      });
    const readme = readFileSync(join(chartDir, 'README.md'), 'utf8');
    const rows = readme.split('\n').filter((line) => /^\| `\/.*, written/.test(line));
    const told = rows.flatMap((row) => [...(row.split('|')[1] ?? '').matchAll(/`(\/[^`]+)`/g)].map(([, path]) => path));
    expect([...new Set(written)].sort()).toEqual(told.sort());
  });
});
