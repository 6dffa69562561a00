// Subresources: which call a path is, who is refused in which state, and what start, stop, restart and migrate do.
import { describe, expect, it } from '@jest/globals';
import type { RunStrategy, VirtualMachineInstance } from '../../model/instance.ts';
import { aVm, aVmi, condition } from '../../played/builders.ts';
import type { Answer } from './answer.ts';
import { refusalOf } from './instance-rules.ts';
import { machineAct, type CallBody } from './machine-rules.ts';
import { routeOf } from './route.ts';

const base = '/apis/subresources.kubevirt.io/v1/namespaces/lab';
const said = (answer: Answer | undefined): [number, string] | undefined => {
  if (!answer) return undefined;
  const body = String(answer.body);
  return [answer.status, body.startsWith('{') ? (JSON.parse(body) as { message: string }).message : body];
};

describe('a path', () => {
  it.each([
    [
      'GET',
      `${base}/virtualmachineinstances/a/vnc/screenshot`,
      { kind: 'instance', call: 'vnc/screenshot', namespace: 'lab', name: 'a' },
    ],
    [
      'PUT',
      `${base}/virtualmachines/a/evacuate/cancel`,
      { kind: 'machine', call: 'evacuate/cancel', namespace: 'lab', name: 'a' },
    ],
    ['POST', `${base}/virtualmachines/a/start`, { kind: 'wrongMethod' }],
    ['GET', `${base}/virtualmachineinstances/a/nonsense`, { kind: 'unknown' }],
    ['GET', `${base}/virtualmachines/a`, { kind: 'noEndpoint' }],
    ['GET', '/apis/subresources.kubevirt.io/v1', { kind: 'discovery' }],
    ['GET', '/apis/subresources.kubevirt.io/v1/version', { kind: 'version' }],
    ['GET', '/virtualmachines/a/start', { kind: 'unknown' }],
  ])('%s %s is found', (method, path, wanted) => expect(routeOf(method, path)).toEqual(wanted));
});

describe('a call to an instance', () => {
  const conflict = (text: string): [number, string] => [
    409,
    `Operation cannot be fulfilled on virtualmachineinstance.kubevirt.io "job": ${text}`,
  ];
  const paused = aVmi('Running', { status: { conditions: [condition('Paused')] } });
  const screenless = aVmi('Running', {
    spec: { domain: { ...aVmi('Running').spec.domain, devices: { autoattachGraphicsDevice: false } } },
  });
  const missing = 'virtualmachineinstance.kubevirt.io "job" not found';
  const cases: [
    Parameters<typeof refusalOf>[0],
    string,
    VirtualMachineInstance | undefined,
    [number, string] | undefined,
  ][] = [
    ['console', 'a running guest', aVmi('Running'), undefined],
    ['console', 'nobody', undefined, [404, missing]],
    ['console', 'a guest that starts', aVmi('Scheduling'), [400, 'VMI is not running']],
    ['console', 'a failed guest', aVmi('Failed'), conflict('VMI is in failed status')],
    ['vnc', 'a failed guest', aVmi('Failed'), [400, 'VMI is not running']],
    ['vnc', 'a guest without a screen', screenless, [400, 'No graphics devices are present.']],
    ['vnc/screenshot', 'nobody', undefined, [500, missing]],
    ['vnc/screenshot', 'a guest that ended', aVmi('Succeeded'), [500, 'VMI is not running']],
    [
      'guestosinfo',
      'a guest without agent',
      aVmi('Running'),
      [500, conflict('VMI does not have guest agent connected')[1]],
    ],
    ['pause', 'a guest that starts', aVmi('Scheduling'), conflict('VM is not running')],
    ['pause', 'a paused guest', paused, conflict('VMI is already paused')],
    ['unpause', 'a running guest', aVmi('Running'), conflict('VMI is not paused')],
    ['unpause', 'a paused guest', paused, undefined],
    ['softreboot', 'a paused guest', paused, conflict('VMI is paused')],
    [
      'reset',
      'a guest that starts',
      aVmi('Scheduling'),
      [
        400,
        'Failed to reset non-running VMI with phase Scheduling: Unable to connect to VirtualMachineInstance because phase is Scheduling instead of Running or Scheduled',
      ],
    ],
  ];
  for (const [call, name, vmi, wanted] of cases) {
    it(`${call} of ${name} is ${wanted ? `refused with ${wanted[0]}` : 'allowed'}`, () => {
      expect(said(refusalOf(call, 'job', vmi))).toEqual(wanted);
    });
  }
});

describe('a call to a machine', () => {
  const no = (text: string) => [409, `Operation cannot be fulfilled on virtualmachine.kubevirt.io "job": ${text}`];
  const stop = { action: 'Stop', uid: 'vmi-uid' };
  const cases: [
    'start' | 'stop' | 'restart' | 'migrate',
    RunStrategy,
    VirtualMachineInstance | undefined,
    CallBody,
    unknown,
  ][] = [
    ['start', 'Halted', undefined, {}, { kind: 'setRunStrategy', runStrategy: 'Always' }],
    ['start', 'Always', aVmi('Running'), {}, no('VM is already running')],
    ['start', 'Once', aVmi('Succeeded'), {}, no('Once does not support manual start requests')],
    ['start', 'Manual', undefined, {}, { kind: 'request', requests: [{ action: 'Start' }] }],
    ['start', 'Manual', aVmi('Failed'), {}, { kind: 'request', requests: [stop, { action: 'Start' }] }],
    [
      'start',
      'RerunOnFailure',
      aVmi('Failed'),
      {},
      no('RerunOnFailure does not support starting VM from failed state'),
    ],
    ['stop', 'Always', aVmi('Running'), {}, { kind: 'setRunStrategy', runStrategy: 'Halted' }],
    ['stop', 'Once', aVmi('Succeeded'), {}, { kind: 'setRunStrategy', runStrategy: 'Halted' }],
    [
      'stop',
      'Always',
      aVmi('Running'),
      { gracePeriod: 0 },
      { kind: 'setRunStrategy', runStrategy: 'Halted', graceSeconds: 0 },
    ],
    ['stop', 'Halted', undefined, {}, no('VM is not running')],
    ['stop', 'Manual', aVmi('Running'), {}, { kind: 'request', requests: [stop] }],
    ['restart', 'Always', aVmi('Running'), {}, { kind: 'request', requests: [stop, { action: 'Start' }] }],
    [
      'restart',
      'Always',
      aVmi('Running'),
      { gracePeriodSeconds: 5 },
      [400, 'For force restart, only gracePeriod=0 is supported for now'],
    ],
    ['restart', 'Halted', undefined, {}, no('RunStategy Halted does not support manual restart requests')],
    ['restart', 'Once', aVmi('Running'), {}, no('RunStategy Once does not support manual restart requests')],
    [
      'migrate',
      'Once',
      aVmi('Running'),
      { addedNodeSelector: { a: 'b' } },
      { kind: 'migrate', addedNodeSelector: { a: 'b' } },
    ],
    ['migrate', 'Once', aVmi('Scheduling'), {}, no('VM is not running')],
    ['migrate', 'Halted', undefined, {}, [404, 'virtualmachineinstance.kubevirt.io "job" not found']],
  ];
  for (const [call, strategy, vmi, body, wanted] of cases) {
    it(`${call} of ${strategy} with ${vmi?.status?.phase ?? 'no'} instance and ${JSON.stringify(body)} is answered`, () => {
      const act = machineAct(call, 'job', aVm(strategy), vmi, body);
      expect(act.kind === 'refuse' ? said(act.answer) : act).toEqual(wanted);
    });
  }
  it('finds nobody', () => {
    const act = machineAct('start', 'job', undefined, undefined, {});
    expect(act.kind === 'refuse' && said(act.answer)).toEqual([404, 'virtualmachine.kubevirt.io "job" not found']);
  });
});
