// Effective requests: containers, init containers, sidecars and overhead, in thousandths.
import { describe, expect, it } from '@jest/globals';
import { aPod } from '../model/builders.ts';
import type { Container, PodSpec } from '../model/pod.ts';
import { podRequests } from './requests.ts';

const uses = (cpu: string, restartPolicy?: string): Container => ({
  name: cpu,
  resources: { requests: { cpu } },
  ...(restartPolicy ? { restartPolicy } : {}),
});

describe('effective requests of a pod', () => {
  it.each<[string, Partial<PodSpec>, number]>([
    ['containers add up', { containers: [uses('200m'), uses('1')] }, 1200],
    ['a large init container sets the peak', { containers: [uses('1')], initContainers: [uses('3')] }, 3000],
    [
      'init containers run one after the other',
      { containers: [uses('1')], initContainers: [uses('2'), uses('2')] },
      2000,
    ],
    [
      'a sidecar stays beside the containers',
      { containers: [uses('1')], initContainers: [uses('500m', 'Always')] },
      1500,
    ],
    [
      'an init container runs beside the sidecars before it, not those after it',
      { containers: [uses('100m')], initContainers: [uses('1', 'Always'), uses('2'), uses('500m', 'Always')] },
      3000,
    ],
    ['overhead comes on top', { containers: [uses('1')], overhead: { cpu: '250m' } }, 1250],
    [
      'a limit without a request is a request',
      { containers: [{ name: 'c', resources: { limits: { cpu: '2' } } }] },
      2000,
    ],
  ])('%s', (_name, spec, millis) => {
    expect(podRequests(aPod('p', spec)).get('cpu')).toBe(millis);
  });

  it('counts whole devices and bytes', () => {
    const requests = { memory: '2344Mi', 'devices.kubevirt.io/kvm': '1' };
    const amounts = podRequests(aPod('p', { containers: [{ name: 'c', resources: { requests } }] }));
    expect(amounts.get('memory')).toBe(2344 * 1024 * 1024 * 1000);
    expect(amounts.get('devices.kubevirt.io/kvm')).toBe(1000);
  });

  it('refuses a quantity that is none', () => {
    expect(() => podRequests(aPod('p', { containers: [uses('many')] }))).toThrow(/many/);
  });
});
