// What is found of machines: who has joined, can take guests, can pass them on, and has an agent that lives.

import { describe, expect, it } from '@jest/globals';
import {
  absent,
  armed,
  finding,
  forbidden,
  kubeVirt,
  lease,
  leases,
  nodes,
  pcs,
  type FindingCase,
} from '../../../test/builders/cluster-facts.ts';
import { aMachine, lostTaint } from '../../../test/builders/node.ts';

describe('a cluster', () => {
  it.each<FindingCase>([
    ['that may not be read', { nodes: forbidden }, 'machines', 'unknown', /cannot list/, /somebody who may/],
    ['without machines', nodes(), 'machines', 'warn', /none has joined/, /docs\/join\.md/],
    [
      'whose machines wait for approval',
      nodes(aMachine('pc-1', { approved: false })),
      'machines',
      'warn',
      /1 wait: pc-1/,
      /kubectl label node NAME .*idlewild-approved=true/,
    ],
    [
      'whose machines do not lend',
      nodes(aMachine('pc-1', { labels: { 'idlewild.dev/pool': 'off' } })),
      'machines',
      'warn',
      /1 approved, but none lends/,
      /policies/,
    ],
    [
      'with a machine that KubeVirt is not at work on',
      nodes(...pcs, aMachine('pc-3', { labels: { 'kubevirt.io/schedulable': 'false' } })),
      'virtualization',
      'warn',
      /not at work on pc-3/,
      /virt-handler/,
    ],
    [
      'with only such machines',
      nodes(aMachine('pc-3', { labels: { 'kubevirt.io/schedulable': 'false' } })),
      'virtualization',
      'fail',
      /not at work on pc-3/,
      /virt-handler/,
    ],
    [
      'with a machine that cannot virtualize',
      nodes(...pcs, aMachine('pc-3', { allocatable: { 'devices.kubevirt.io/kvm': '0' } })),
      'virtualization',
      'warn',
      /no \/dev\/kvm on pc-3/,
      /agent -- preflight/,
    ],
    [
      'with a machine that is older than the others',
      nodes(...pcs, aMachine('old', { cpuModels: ['Penryn'] })),
      'processors',
      'warn',
      /no model that all have: guests get Nehalem \(amd64\), and none starts on old/,
      /out of the pool/,
    ],
    [
      'with machines of two vendors',
      nodes(...pcs, aMachine('pc-3', { cpuVendor: 'Intel' })),
      'processors',
      'warn',
      /never move between AMD and Intel/,
      /each room/,
    ],
    [
      'with a machine whose models nobody knows',
      nodes(...pcs, aMachine('pc-3', { cpuModels: [] })),
      'processors',
      'warn',
      /pc-3: KubeVirt says no processor model/,
      /virt-handler/,
    ],
    ['without any agent', { renewals: absent }, 'agents', 'fail', /no Leases/, /component=agent/],
    ['with no agent', leases([], []), 'agents', 'fail', /pc-1, pc-2: no agent ever took a Lease/, /their logs/],
    [
      'where one agent is missing',
      leases([lease('pc-1', 0)], [lease('pc-1', 6)]),
      'agents',
      'warn',
      /^pc-2: no agent ever took a Lease/,
      /their logs/,
    ],
    [
      'where one agent is silent',
      leases([lease('pc-1', 0), lease('pc-2', 0)], [lease('pc-1', 0), lease('pc-2', 6)]),
      'agents',
      'warn',
      /^pc-1: no renewal within 6 s/,
      /their logs/,
    ],
    [
      'where one machine is lost',
      leases([lease('pc-1', 0), lease('pc-2', 0)], [lease('pc-1', 0, 'lost:pc-1_0'), lease('pc-2', 6)]),
      'agents',
      'warn',
      /^pc-1: lost, and not come back/,
      /their logs/,
    ],
    [
      'where a switch is off',
      nodes(aMachine('pc-1', armed), aMachine('pc-2', { labels: { 'idlewild.dev/fence': 'off' } })),
      'agents',
      'warn',
      /^pc-2 takes no job that must not run twice: .* is off/,
      /systemctl start idlewild-fence/,
    ],
  ])('%s is told so, with what helps', (_what, facts, check, level, words, remedy) => {
    expect(finding(facts, check)).toMatchObject({
      level,
      words: expect.stringMatching(words),
      remedy: expect.stringMatching(remedy),
    });
  });

  it('is not judged by machines that nobody approved, nor by emulation where it is wanted', () => {
    const stranger = aMachine('pc-9', { approved: false, cpuModels: [], taints: [lostTaint] });
    expect(finding(nodes(...pcs, stranger), 'agents')).toMatchObject({ level: 'ok' });
    expect(finding(nodes(...pcs, stranger), 'processors')).toMatchObject({ level: 'ok' });
    const emulating = { ...kubeVirt({ developerConfiguration: { useEmulation: true } }) };
    const slow = nodes(aMachine('pc-1', { allocatable: { 'devices.kubevirt.io/kvm': '0' } }));
    expect(finding({ ...emulating, ...slow }, 'virtualization')).toMatchObject({ level: 'ok' });
  });
});
