// What is said of a virtual machine that the cluster does not take.
import { describe, expect, it } from '@jest/globals';
import { refusalOf, unansweredOf } from './refusal.ts';

const called = (webhook: string): string =>
  `Internal error occurred: failed calling webhook "${webhook}": failed to call webhook: Post "https://x.svc:443/": EOF`;

describe('a cluster that could not ask whoever has to agree', () => {
  it.each([
    ['virtualmachine-validator.kubevirt.io', /^KubeVirt does not answer, .* the guest: Internal error .* tried again$/],
    ['rules.example.org', /^the admission webhook "rules\.example\.org" does not answer/],
    ['kubevirt.io.example.org', /^the admission webhook "kubevirt\.io\.example\.org" does not answer/],
  ])('says that %s is away', (webhook, words) => {
    expect(unansweredOf('the guest', called(webhook))).toEqual({
      reason: 'KubeVirtNotReady',
      message: expect.stringMatching(words),
    });
  });

  it('is told from one that is in trouble itself, and from one that has asked and refuses', () => {
    expect(unansweredOf('the guest', 'etcdserver: request timed out')).toBeUndefined();
    const denied = 'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: no disks';
    expect(unansweredOf('the guest', denied)).toBeUndefined();
    expect(refusalOf('the guest', denied).reason).toBe('Refused');
  });
});
