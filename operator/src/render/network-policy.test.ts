// What the policy lets through, judged as Kubernetes defines it, and not by how it is written.
import { readFileSync, writeFileSync } from 'node:fs';
import { BlockList, isIPv4 } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stringify } from 'yaml';
import { aJob } from '../../../test/builders/job.ts';
import type { LabelSelector, Namespace, NetworkPolicyPeer, NetworkPolicySpec } from '../api/kubernetes.ts';
import { parseRanges, usualRanges } from '../isolation/ranges.ts';
import { renderNetworkPolicy } from './network-policy.ts';
import { renderVirtualMachine } from './virtual-machine.ts';

const lab: Namespace = { metadata: { name: 'lab' } };
const talking: Namespace = { metadata: { name: 'lab', labels: { 'idlewild.dev/guests-may-talk': 'true' } } };
const usual = parseRanges(usualRanges);
const specOf = (namespace = lab, ranges = usual): NetworkPolicySpec => renderNetworkPolicy(namespace, ranges).spec;

type Labels = Readonly<Record<string, string>>;

function matches({ matchLabels = {}, matchExpressions = [] }: LabelSelector, labels: Labels): boolean {
  return (
    Object.entries(matchLabels).every(([key, value]) => labels[key] === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => {
      if (operator !== 'NotIn') throw new Error(`operator ${operator} is not known here`);
      return labels[key] === undefined || !values.includes(labels[key]);
    })
  );
}

function holds(block: NonNullable<NetworkPolicyPeer['ipBlock']>, address: string): boolean {
  const family = isIPv4(address) ? 'ipv4' : 'ipv6';
  const within = (cidr: string): boolean => {
    const [start = '', bits = ''] = cidr.split('/');
    if (isIPv4(start) !== isIPv4(address)) return false;
    const list = new BlockList();
    list.addSubnet(start, Number(bits), family);
    return list.check(address, family);
  };
  return within(block.cidr) && !(block.except ?? []).some(within);
}

/** Whether a packet to the address may leave; the address is nobody's pod. */
function reaches(spec: NetworkPolicySpec, address: string, port: number): boolean {
  return (spec.egress ?? []).some(
    ({ to = [], ports }) =>
      to.some(({ ipBlock }) => ipBlock && holds(ipBlock, address)) &&
      (ports === undefined || ports.some((each) => each.port === port)),
  );
}

/** Whether the rules name a pod of these labels, in the namespace of the guests unless told. */
function names(rules: NetworkPolicySpec['egress'], pod: Labels, namespace?: Labels): boolean {
  return (rules ?? []).some(({ to = [] }) =>
    to.some(
      ({ podSelector, namespaceSelector }) =>
        podSelector !== undefined &&
        matches(podSelector, pod) &&
        (namespaceSelector === undefined ? namespace === undefined : matches(namespaceSelector, namespace ?? {})),
    ),
  );
}

const labelsOf = (network: 'None' | 'Isolated' | 'Open'): Labels => {
  const { job } = aJob('j', { network }).published().claimedBy('pc-1');
  const attempt = job.status?.attempts?.[0];
  if (!attempt) throw new Error('claimed jobs have an attempt');
  return renderVirtualMachine({ job, attempt, nonce: 'x', cpuModel: undefined }).spec.template.metadata?.labels ?? {};
};

describe('the policy of a namespace', () => {
  it.each<[string, Namespace, string]>([
    ['network-policy.yaml', lab, usualRanges],
    ['network-policy-of-friends.yaml', talking, '198.51.100.0/24'],
  ])('is %s', (name, namespace, ranges) => {
    const file = join(import.meta.dirname, 'golden', name);
    const text = stringify(renderNetworkPolicy(namespace, parseRanges(ranges)), {
      aliasDuplicateObjects: false,
      singleQuote: true,
    });
    if (process.env.IDLEWILD_GOLDEN === 'write') writeFileSync(file, text);
    expect(text).toBe(readFileSync(file, 'utf8'));
  });

  it('is about every guest but those in the open, also one without a word', () => {
    const { podSelector } = specOf();
    const { 'idlewild.dev/network': _word, ...older } = labelsOf('Isolated');
    expect(
      [labelsOf('Isolated'), labelsOf('None'), labelsOf('Open'), older].map((each) => matches(podSelector, each)),
    ).toEqual([true, true, false, true]);
    expect(matches(podSelector, { app: 'web', 'app.kubernetes.io/managed-by': 'Helm' })).toBe(false);
  });

  it.each<[string, string, boolean]>([
    ['the machine itself, or another of the lab', '192.168.17.4', false],
    ['a router of the carrier', '100.64.0.1', false],
    ['the API of the cluster, as a service', '10.43.0.1', false],
    ['a pod of another job', '10.42.3.7', false],
    ['another range of the lab', '172.31.255.254', false],
    ['the metadata of a cloud', '169.254.169.254', false],
    ['a neighbour by its link-local address', 'fe80::1', false],
    ['a unique local address', 'fd12:3456::1', false],
    ['the internet', '203.0.113.5', true],
    ['the newer internet', '2001:db8::5', true],
    ['what lies just beside a private range', '172.32.0.1', true],
  ])('says of %s (%s): %s', (_what, address, expected) => {
    expect([reaches(specOf(), address, 443), reaches(specOf(talking), address, 443)]).toEqual([expected, expected]);
  });

  it('reaches an address exactly if no range holds it, whatever the ranges are', () => {
    const octet = fc.integer({ min: 0, max: 255 });
    const address = fc.tuple(octet, octet, octet, octet).map((parts) => parts.join('.'));
    const range = fc.tuple(address, fc.integer({ min: 0, max: 32 })).map(([start, bits]) => `${start}/${bits}`);
    fc.assert(
      fc.property(fc.array(range, { minLength: 1, maxLength: 4 }), address, (ranges, to) => {
        const list = new BlockList();
        for (const each of ranges) list.addSubnet(each.split('/')[0] ?? '', Number(each.split('/')[1]));
        expect(reaches(specOf(lab, parseRanges(ranges.join())), to, 80)).toBe(!list.check(to));
      }),
    );
  });

  it('lets names be asked of the cluster, and nothing else of it', () => {
    const dns = { 'k8s-app': 'kube-dns' };
    const system = { 'kubernetes.io/metadata.name': 'kube-system' };
    const { egress } = specOf();
    expect(names(egress, dns, system)).toBe(true);
    expect(names(egress, { app: 'other' }, system)).toBe(false);
    expect(names(egress, dns, { 'kubernetes.io/metadata.name': 'elsewhere' })).toBe(false);
    expect(egress?.[0]?.ports).toEqual([
      { protocol: 'UDP', port: 53 },
      { protocol: 'TCP', port: 53 },
    ]);
  });

  it('lets nobody in, and guests of a namespace reach each other only after the word of an admin', () => {
    const guest = labelsOf('Isolated');
    expect(specOf().policyTypes).toEqual(['Ingress', 'Egress']);
    expect(specOf()).not.toHaveProperty('ingress');
    expect(names(specOf().egress, guest)).toBe(false);
    const friends = specOf(talking);
    expect(names(friends.egress, guest)).toBe(true);
    expect(friends.ingress).toEqual([{ from: [{ podSelector: friends.podSelector }] }]);
    // Of the same namespace only, and none in the open.
    expect(names(friends.egress, guest, { 'kubernetes.io/metadata.name': 'other' })).toBe(false);
    expect(names(friends.egress, labelsOf('Open'))).toBe(false);
  });

  it('holds no empty list, which the API server would leave out', () => {
    const text = JSON.stringify([specOf(), specOf(talking), specOf(lab, parseRanges('0.0.0.0/0'))]);
    expect(text).not.toMatch(/\[\]|\{\}/);
  });

  it('lets nothing out where a range is everything', () => {
    expect(reaches(specOf(lab, parseRanges('0.0.0.0/0,::/0')), '203.0.113.5', 443)).toBe(false);
    expect(specOf(lab, parseRanges('0.0.0.0/0,::/0')).egress).toHaveLength(1);
  });
});
