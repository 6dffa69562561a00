// What the table of docs/isolation.md says of guests, and what the chart lets operator and portal do, flow by flow: over the policies
// that the operator renders with the ranges of the chart's values, and those of the chart itself.

import { beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { NetworkPolicy } from '@idlewild/operator/api/kubernetes.ts';
import { parseOptions } from '@idlewild/operator/options.ts';
import { renderNetworkPolicy } from '@idlewild/operator/render/network-policy.ts';
import { renderVirtualMachine } from '@idlewild/operator/render/virtual-machine.ts';
import { aJob } from '../builders/job.ts';
import { render, type Rendered } from './chart.ts';
import { passes, type End, type Flow, type World } from './network-flows.ts';

jest.setTimeout(60_000);

type Network = 'None' | 'Isolated' | 'Open';
const set = (...values: string[]): string[] => values.flatMap((value) => ['--set', value]);

const labelsOf = (network: Network): Record<string, string> => {
  const { job } = aJob('j', { network }).published().claimedBy('pc-1');
  const [attempt] = job.status?.attempts ?? [];
  if (attempt === undefined) throw new Error('a claimed job has an attempt');
  return renderVirtualMachine({ job, attempt, nonce: 'x', cpuModel: undefined }).spec.template.metadata?.labels ?? {};
};
const guest = (network: Network, namespace = 'lab', address = '10.42.1.5'): End => ({
  address,
  pod: { namespace, labels: labelsOf(network) },
});
const pod = (namespace: string, labels: Record<string, string>, address: string, ports = {}): End => ({
  address,
  pod: { namespace, labels, ports },
});
const outside = (address: string): End => ({ address });

/** The ranges that the operator is told by the chart. */
async function worldOf(values: readonly string[], ...talking: readonly string[]): Promise<World> {
  const objects = await render(...values);
  const deployment = objects.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === 'operator');
  const { containers } = (deployment?.spec as { template: { spec: { containers: { args: string[] }[] } } }).template
    .spec;
  const ranges = parseOptions(containers[0]?.args ?? [])['lan-ranges'];
  const guests = ['lab', 'friends', 'other'].map((name) => {
    const labels = talking.includes(name) ? { 'idlewild.dev/guests-may-talk': 'true' } : {};
    return renderNetworkPolicy({ metadata: { name, labels } }, ranges);
  });
  const isPolicy = ({ kind }: Rendered): boolean => kind === 'NetworkPolicy';
  const own = objects.filter(isPolicy) as unknown as readonly NetworkPolicy[];
  return { policies: [...guests, ...own], namespaces: { monitoring: { team: 'watchers' } } };
}

const dns = pod('kube-system', { 'k8s-app': 'kube-dns' }, '10.42.0.2');
const web = pod('lab', { app: 'web' }, '10.42.2.9');

describe('a policy as it is read here', () => {
  const policy = (spec: unknown): World => ({
    policies: [{ metadata: { name: 'p', namespace: 'lab' }, spec } as unknown as NetworkPolicy],
    namespaces: { lab: { tier: 'a' }, far: { tier: 'b' } },
  });
  const near = pod('lab', { app: 'web' }, '10.0.0.1', { http: 8080 });
  const far = pod('far', { app: 'web' }, '10.0.1.1');
  const to = (end: End, port = 80, protocol: 'TCP' | 'UDP' = 'TCP'): Flow => ({ from: near, to: end, port, protocol });
  const all = { podSelector: {} };
  const eg = (...egress: unknown[]): unknown => ({ ...all, policyTypes: ['Egress'], egress });

  it.each<[string, unknown, Flow, boolean]>([
    ['is about what comes in, unless it says something else', all, to(far), true],
    ['is about what comes in, unless it says something else, and lets none in', all, { ...to(near), from: far }, false],
    ['is about what goes out if it has rules for that', { ...all, egress: [] }, to(far), false],
    ['is about its own namespace only', eg(), { ...to(near), from: far }, true],
    [
      'is about the pods that it selects only',
      { podSelector: { matchLabels: { app: 'db' } }, policyTypes: ['Egress'] },
      to(far),
      true,
    ],
    ['lets through everything by an empty rule', eg({}), to(outside('192.0.2.1')), true],
    ['knows pods of its own namespace unless told', eg({ to: [{ podSelector: {} }] }), to(far), false],
    ['knows pods of its own namespace', eg({ to: [{ podSelector: {} }] }), to(near), true],
    [
      'knows pods of other namespaces by both selectors',
      eg({ to: [{ podSelector: { matchLabels: { app: 'web' } }, namespaceSelector: { matchLabels: { tier: 'b' } } }] }),
      to(far),
      true,
    ],
    [
      'asks both selectors of one peer',
      eg({ to: [{ podSelector: { matchLabels: { app: 'db' } }, namespaceSelector: {} }] }),
      to(far),
      false,
    ],
    [
      'asks either of two peers',
      eg({ to: [{ podSelector: { matchLabels: { app: 'db' } } }, { namespaceSelector: {} }] }),
      to(far),
      true,
    ],
    [
      'knows a namespace by the name that Kubernetes gives it as a label',
      eg({ to: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'far' } } }] }),
      to(far),
      true,
    ],
    [
      'leaves out what is excepted',
      eg({ to: [{ ipBlock: { cidr: '0.0.0.0/0', except: ['10.0.0.0/8'] } }] }),
      to(far),
      false,
    ],
    [
      'has one family of addresses in a block',
      eg({ to: [{ ipBlock: { cidr: '0.0.0.0/0' } }] }),
      to(outside('2001:db8::1')),
      false,
    ],
    ['takes TCP where no protocol is said', eg({ ports: [{ port: 80 }] }), to(far, 80, 'UDP'), false],
    ['takes a span of ports to its end', eg({ ports: [{ port: 80, endPort: 90 }] }), to(far, 90), true],
    ['takes a span of ports, and no further', eg({ ports: [{ port: 80, endPort: 90 }] }), to(far, 91), false],
    [
      'finds a port by its name at the pod that has it',
      { ...all, ingress: [{ ports: [{ port: 'http' }] }] },
      { ...to(near, 8080), from: far },
      true,
    ],
    [
      'finds no port by its name where another has it',
      { ...all, ingress: [{ ports: [{ port: 'http' }] }] },
      { ...to(near, 80), from: far },
      false,
    ],
    [
      'knows labels that are not there',
      { podSelector: { matchExpressions: [{ key: 'x', operator: 'DoesNotExist' }] }, policyTypes: ['Egress'] },
      to(far),
      false,
    ],
    [
      'knows labels that are one of some',
      { podSelector: { matchExpressions: [{ key: 'app', operator: 'In', values: ['db'] }] }, policyTypes: ['Egress'] },
      to(far),
      true,
    ],
  ])('%s', (_, spec, flow, expected) => {
    expect(passes(policy(spec), flow)).toBe(expected);
  });
});

describe('a guest', () => {
  let plain: World;
  let friendly: World;
  let public_: World;
  beforeAll(async () => {
    plain = await worldOf([]);
    friendly = await worldOf([], 'friends');
    public_ = await worldOf(set('guests.lanRanges={10.0.0.0/8,198.51.100.0/24}'));
  });

  const places: readonly (readonly [string, End, number, 'TCP' | 'UDP'])[] = [
    ['names', dns, 53, 'UDP'],
    ['names, by TCP', dns, 53, 'TCP'],
    ['another port of the resolver', dns, 9153, 'TCP'],
    ['a resolver on the machine', outside('169.254.20.10'), 53, 'UDP'],
    ['a resolver of the internet', outside('192.0.2.53'), 53, 'UDP'],
    ['another pod of kube-system', pod('kube-system', { app: 'x' }, '10.42.0.3'), 53, 'UDP'],
    ['what calls itself a resolver elsewhere', pod('lab', { 'k8s-app': 'kube-dns' }, '10.42.0.4'), 53, 'UDP'],
    ['the machine', outside('192.168.17.4'), 10250, 'TCP'],
    ["the lab's printer", outside('172.20.1.1'), 9100, 'TCP'],
    ["the cluster's API, as a service", outside('10.43.0.1'), 443, 'TCP'],
    ["the cluster's API, on its server", outside('192.168.17.1'), 6443, 'TCP'],
    ["a cloud's metadata", outside('169.254.169.254'), 80, 'TCP'],
    ['a neighbour by its link', outside('fe80::1'), 22, 'TCP'],
    ['a local address of the newer kind', outside('fd00::1'), 22, 'TCP'],
    ['the internet', outside('192.0.2.80'), 443, 'TCP'],
    ['the newer internet', outside('2001:db8::80'), 443, 'TCP'],
    ['another guest of its namespace', guest('Isolated', 'lab', '10.42.3.6'), 22, 'TCP'],
    ['a guest of another namespace', guest('Isolated', 'other', '10.42.3.7'), 22, 'TCP'],
    ['a guest in the open', guest('Open', 'lab', '10.42.3.8'), 22, 'TCP'],
    ['a pod of its namespace', web, 80, 'TCP'],
    ['the operator', pod('lab-system', operatorLabels('operator'), '10.42.4.1', { http: 8080 }), 8080, 'TCP'],
    ['the portal', pod('lab-system', operatorLabels('portal'), '10.42.4.2', { http: 8080 }), 8080, 'TCP'],
  ];
  const reached = (world: World, from: End): string[] =>
    places.flatMap(([name, to, port, protocol]) => (passes(world, { from, to, port, protocol }) ? [name] : []));

  const isolated = ['names', 'names, by TCP', 'a resolver of the internet', 'the internet', 'the newer internet'];

  it('that is isolated reaches names and the internet, and nothing else', () => {
    expect(reached(plain, guest('Isolated'))).toEqual(isolated);
  });

  it('without a network would reach no more if it had a card', () => {
    expect(reached(plain, guest('None'))).toEqual(isolated);
  });

  it('in the open reaches what a pod reaches: all but guests that are isolated, and the operator', () => {
    const closed = ['another guest of its namespace', 'a guest of another namespace', 'the operator'];
    const all = places.map(([name]) => name);
    expect(reached(plain, guest('Open'))).toEqual(all.filter((name) => !closed.includes(name)));
    expect(reached(plain, web)).toEqual(reached(plain, guest('Open')));
  });

  it('reaches its own kind where an admin lets the guests of its namespace talk, and no others', () => {
    const friend = guest('Isolated', 'friends', '10.42.5.1');
    const flow = (to: End): boolean => passes(friendly, { from: friend, to, port: 22 });
    expect(flow(guest('Isolated', 'friends', '10.42.5.2'))).toBe(true);
    expect(flow(guest('None', 'friends', '10.42.5.3'))).toBe(true);
    expect(flow(guest('Open', 'friends', '10.42.5.4'))).toBe(false);
    expect(flow(guest('Isolated', 'lab'))).toBe(false);
    expect(passes(friendly, { from: guest('Isolated', 'lab'), to: friend, port: 22 })).toBe(false);
    expect(reached(friendly, guest('Isolated'))).toEqual(isolated);
  });

  it('is reached by nobody unless it is open', () => {
    const others = [web, outside('192.168.17.4'), outside('192.0.2.1'), guest('Open', 'lab', '10.42.1.9'), dns];
    const reaching = (network: Network): boolean[] =>
      others.map((from) => passes(plain, { from, to: guest(network), port: 22 }));
    expect(reaching('Isolated')).toEqual(others.map(() => false));
    expect(reaching('None')).toEqual(others.map(() => false));
    expect(reaching('Open')).toEqual(others.map(() => true));
  });

  it("takes for the lab exactly what the chart's values say", () => {
    const open = (address: string): boolean =>
      passes(public_, { from: guest('Isolated'), to: outside(address), port: 443 });
    expect(['198.51.100.7', '10.1.1.1', '192.168.17.4', '192.0.2.80'].map(open)).toEqual([false, false, true, true]);
  });
});

function operatorLabels(component: string): Record<string, string> {
  const of = 'app.kubernetes.io/';
  return { [`${of}name`]: 'idlewild', [`${of}instance`]: 'idlewild', [`${of}component`]: component };
}

describe('the programs of the chart', () => {
  const operator = pod('lab-system', operatorLabels('operator'), '10.42.4.1', { http: 8080 });
  const portal = pod('lab-system', operatorLabels('portal'), '10.42.4.2', { http: 8080 });
  const prometheus = pod('monitoring', { app: 'prometheus' }, '10.42.6.1');
  const proxy = pod('ingress', { app: 'traefik' }, '10.42.6.2');
  let plain: World;
  let named: World;
  let elsewhere: World;
  beforeAll(async () => {
    plain = await worldOf([]);
    elsewhere = await worldOf(set('networkPolicy.apiServerPorts={6444}'));
    const who = 'networkPolicy.portalFrom[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name=ingress';
    named = await worldOf(set('networkPolicy.monitoringNamespaceSelector.matchLabels.team=watchers', who));
  });
  const to = (world: World, end: End, from: End, port = 8080): boolean => passes(world, { from, to: end, port });

  it('show metrics to those beside them, and to who is named', () => {
    const ask = [portal, prometheus, proxy, outside('192.168.17.4')];
    expect(ask.map((from) => to(plain, operator, from))).toEqual([true, false, false, false]);
    expect(ask.map((from) => to(named, operator, from))).toEqual([true, true, false, false]);
    expect(to(named, operator, prometheus, 9229)).toBe(false);
  });

  it('show pages to everybody, or to who is named, on one port', () => {
    const ask = [web, prometheus, proxy, outside('192.168.17.4')];
    expect(ask.map((from) => to(plain, portal, from))).toEqual([true, true, true, true]);
    expect(ask.map((from) => to(named, portal, from))).toEqual([false, false, true, false]);
    expect(to(plain, portal, proxy, 9229)).toBe(false);
  });

  it.each([
    ['operator', operator],
    ['portal', portal],
  ])('reach names and API servers out of the %s, and no other port', (_, from) => {
    const open = (world: World): number[] =>
      [443, 6443, 6444, 8443, 16443, 80, 22, 10250].filter((port) => to(world, outside('192.168.17.1'), from, port));
    // The Service's, and those of k3s and kubeadm, minikube and MicroK8s, which plugins see once the address is translated.
    expect(open(plain)).toEqual([443, 6443, 8443, 16443]);
    expect(open(elsewhere)).toEqual([6444]);
    expect(passes(plain, { from, to: dns, port: 53, protocol: 'UDP' })).toBe(true);
  });
});
