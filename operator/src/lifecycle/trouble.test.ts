// Why a guest does not start or stands still, in words: the cluster's own text, and what to do.
import { describe, expect, it } from '@jest/globals';
import { aPod, aVm, aVmi } from '../../../test/builders/guest.ts';
import { aJob } from '../../../test/builders/job.ts';
import type { Pod } from '../api/kubernetes.ts';
import type { VirtualMachineCondition, VmiCondition } from '../api/kubevirt.ts';
import type { Guest } from './observe.ts';
import { refusalOf } from './refusal.ts';
import { howFar, standstill, trouble } from './trouble.ts';

const { job } = aJob('j').published().claimedBy('pc-1');
const image = 'registry.example/guest:1.0';

function guest(o: { vm?: VirtualMachineCondition; vmi?: VmiCondition; pod?: Pod['status'] } = {}): Guest {
  const vm = { ...aVm(job), status: { conditions: o.vm ? [o.vm] : [] } };
  const vmi = aVmi(vm, 'Scheduling', undefined, { conditions: o.vmi ? [o.vmi] : [] });
  return { vm, vmi, pods: o.pod ? [aPod(vm, 'pc-1', o.pod)] : [], migrations: [] };
}
const waiting = (reason: string, message?: string): Pod['status'] => ({
  phase: 'Pending',
  containerStatuses: [
    {
      name: 'compute',
      state: { waiting: { reason, ...(message === undefined ? {} : { message }) } },
      ready: false,
      restartCount: 0,
      image: '',
      imageID: '',
    },
  ],
});
const no = { status: 'False' } as const;
const quota =
  'failed to create virtual machine pod: pods "virt-launcher-j-1-x7k2p" is forbidden: exceeded quota: compute, requested: requests.memory=2344Mi, used: requests.memory=7Gi, limited: requests.memory=8Gi';
const podSecurity =
  'failed to create virtual machine pod: pods "virt-launcher-j-1-x7k2p" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false';
const unanswered =
  'Failure while starting VMI: Internal error occurred: failed calling webhook "virtualmachineinstances-create-validator.kubevirt.io": failed to call webhook: Post "https://virt-api.kubevirt.svc:443/": EOF';
const webhook =
  'Failure while starting VMI: admission webhook "limits.example" denied the request: no machines on Sundays';

describe('a guest that does not start', () => {
  it.each<[string, Guest, string, RegExp]>([
    [
      'a quota, met by the pod',
      guest({ vmi: { type: 'Synchronized', ...no, reason: 'FailedCreate', message: quota } }),
      'QuotaExceeded',
      /^a quota of the namespace forbids the pod of the guest: .*exceeded quota: compute, .*; it is tried again; it starts when other jobs/,
    ],
    [
      'a quota, met by the instance',
      guest({ vm: { type: 'Failure', status: 'True', reason: 'FailedCreate', message: quota } }),
      'QuotaExceeded',
      /^a quota of the namespace forbids the guest: /,
    ],
    [
      'a webhook of KubeVirt that does not answer, met by the instance',
      guest({ vm: { type: 'Failure', status: 'True', reason: 'FailedCreate', message: unanswered } }),
      'KubeVirtNotReady',
      /^KubeVirt does not answer, without whom the cluster does not take the guest: /,
    ],
    [
      'a webhook that does not answer, met by the pod',
      guest({
        vmi: {
          ...{ type: 'Synchronized', ...no, reason: 'FailedCreate' },
          message: unanswered.replace('virtualmachineinstances-create-validator.kubevirt.io', 'pods.example.org'),
        },
      }),
      'KubeVirtNotReady',
      /^the admission webhook "pods\.example\.org" does not answer/,
    ],
    [
      'Pod Security',
      guest({ vmi: { type: 'Synchronized', ...no, reason: 'FailedCreate', message: podSecurity } }),
      'Refused',
      /Pod Security level .* forbids the pod .*enforce to privileged$/,
    ],
    [
      'an admission rule',
      guest({ vm: { type: 'Failure', status: 'True', reason: 'FailedCreate', message: webhook } }),
      'Refused',
      /^an admission rule .* no machines on Sundays; ask the lab's admin$/,
    ],
    [
      'an image that is not there',
      guest({ pod: waiting('ErrImagePull', 'manifest unknown') }),
      'ImagePullFailed',
      /^image registry\.example\/guest:1\.0 could not be pulled \(ErrImagePull: manifest unknown\); check spec\.image\.containerDisk/,
    ],
    [
      'an image whose next try is due',
      guest({ pod: waiting('ImagePullBackOff', 'Back-off pulling image "registry.example/guest:1.0"') }),
      'ImagePullFailed',
      /could not be pulled \(ImagePullBackOff\); check/,
    ],
    [
      'an image whose next try is due, with the error of the last',
      guest({ pod: waiting('ImagePullBackOff', 'Back-off pulling image "a:5000/b": ErrImagePull: manifest unknown') }),
      'ImagePullFailed',
      /could not be pulled \(ErrImagePull: manifest unknown\); check/,
    ],
    [
      'an image, known from the instance alone',
      guest({ vmi: { type: 'Synchronized', ...no, reason: 'ErrImagePull', message: 'failed to pull image' } }),
      'ImagePullFailed',
      /\(ErrImagePull: failed to pull image\)/,
    ],
    [
      'a container that cannot be made',
      guest({ pod: waiting('CreateContainerConfigError', 'secret "x" not found') }),
      'Refused',
      /^the machine cannot make the guest's containers \(CreateContainerConfigError: secret "x" not found\)$/,
    ],
    [
      'a pod that is never placed',
      guest({
        pod: {
          phase: 'Pending',
          conditions: [
            {
              type: 'PodScheduled',
              ...no,
              reason: 'Unschedulable',
              message: '0/8 nodes are available: 1 Insufficient memory.',
            },
          ],
        },
      }),
      'NoRoomOnMachine',
      /^the scheduler does not place the guest's pod: 0\/8 nodes are available: 1 Insufficient memory\.$/,
    ],
    [
      'an unknown fault of KubeVirt',
      guest({ vmi: { type: 'Synchronized', ...no, reason: 'FailedPvcNotFound', message: 'no such claim' } }),
      'VirtualMachineCreated',
      /^KubeVirt: no such claim$/,
    ],
  ])('because of %s is explained', (_name, seen, reason, words) => {
    const found = trouble(seen, image);
    expect(found?.reason).toBe(reason);
    expect(found?.message).toMatch(words);
    expect(howFar(seen, image)).toBe(found?.message);
  });

  it('and of which nobody says anything wrong has no trouble, only a way to go', () => {
    expect(trouble(guest(), image)).toBeUndefined();
    expect(howFar(guest(), image)).toBe('its launcher pod was not ready');
  });
});

describe('a refusal by the API server itself', () => {
  it.each([
    [
      'virtualmachines.kubevirt.io "j-1" is forbidden: exceeded quota: objects, requested: count/virtualmachines.kubevirt.io=1',
      'QuotaExceeded',
    ],
    [
      'admission webhook "virtualmachine-validator.kubevirt.io" denied the request: spec.template.spec.domain.memory',
      'Refused',
    ],
    ['virtualmachines.kubevirt.io is forbidden: User "x" cannot create resource', 'Refused'],
  ])('%s is %s', (text, reason) => {
    const refusal = refusalOf('the virtual machine', text);
    expect(refusal.reason).toBe(reason);
    expect(refusal.message).toContain(text);
  });
});

describe('a guest that stands still', () => {
  const paused = (reason: string): Guest => {
    const vm = aVm(job);
    const conditions: VmiCondition[] = [{ type: 'Paused', status: 'True', reason }];
    return { vm, vmi: aVmi(vm, 'Running', 'pc-1', { conditions }), pods: [], migrations: [] };
  };

  it('because its disk cannot be written is broken, and somebody is told where to look', () => {
    expect(standstill(paused('PausedIOError'))).toMatchObject({
      broken: true,
      message: expect.stringMatching(/disk cannot be written on pc-1.*out of disk space$/),
    });
  });

  it('for the last of its own move is no trouble: nobody is to wake it', () => {
    expect(standstill(paused('PausedByMigrationMonitor'))).toBeUndefined();
  });

  it('because somebody paused it is not, and goes on by a command that is told', () => {
    expect(standstill(paused('PausedByUser'))).toMatchObject({
      broken: false,
      message: expect.stringMatching(/virtctl unpause vmi j-1 -n default/),
    });
  });
});
