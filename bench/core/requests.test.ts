// What a request is for, from the request alone.
import { describe, expect, it } from '@jest/globals';
import { jobOf, kindOf, peakInFlight, type WriteKind } from './requests.ts';

const job = '/apis/idlewild.dev/v1alpha1/namespaces/default/computejobs/job-7/status?fieldManager=x';
const vms = '/apis/kubevirt.io/v1/namespaces/default/virtualmachines';

describe('the kind of a write', () => {
  it.each<[WriteKind, string, string, object | undefined]>([
    ['claim', 'PATCH', job, { status: { attempt: 1, attempts: [{ number: 1 }], waiting: null } }],
    ['start', 'PATCH', job, { status: { startTime: 'T', attempts: [{ number: 1 }] } }],
    ['end', 'PATCH', job, { status: { finishTime: 'T' } }],
    ['waiting', 'PATCH', job, { status: { waiting: { position: 1 } } }],
    ['status', 'PATCH', job, { status: { message: 'words about an "attempt":1' } }],
    ['secret', 'POST', '/api/v1/namespaces/default/secrets', {}],
    ['vm', 'POST', vms, {}],
    ['vm-change', 'PATCH', `${vms}/job-7-1`, {}],
    ['event', 'POST', '/apis/events.k8s.io/v1/namespaces/default/events', {}],
    ['other', 'PATCH', '/api/v1/nodes/pc-1', {}],
  ])('is "%s"', (kind, method, path, body) => {
    expect(kindOf(method, path, body && Buffer.from(JSON.stringify(body)))).toBe(kind);
  });
});

describe('the job of a write', () => {
  const named = (name: string): string => JSON.stringify({ metadata: { name } });
  it.each<[string | undefined, string, string, string | undefined]>([
    ['job-7', 'PATCH', job, undefined],
    ['job-7', 'POST', vms, named('job-7-1')],
    ['job-7', 'POST', '/api/v1/namespaces/default/secrets', named('job-7-1-cloudinit')],
    ['job-7', 'POST', '/apis/events.k8s.io/v1/namespaces/default/events', named('job-7.0a1b')],
    [undefined, 'PATCH', '/api/v1/nodes/pc-1', undefined],
  ])('is %s for a %s of %s', (name, method, path, body) => {
    expect(jobOf({ method, path, body })).toBe(name);
  });
});

describe('the most requests at one time', () => {
  it('counts those that overlap, and none that begins as another ends', () => {
    const spans = [
      { sentAt: 0, answeredAt: 10 },
      { sentAt: 5, answeredAt: 8 },
      { sentAt: 10, answeredAt: 12 },
      { sentAt: 20 },
    ];
    expect([peakInFlight(spans), peakInFlight([])]).toEqual([2, 0]);
  });
});
