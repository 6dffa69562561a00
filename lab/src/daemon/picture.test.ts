import { describe, expect, it } from '@jest/globals';
import { changesBetween, renderPicture, type JobView, type LabView, type MachineView } from './picture.ts';

const machine = (name: string, look: Partial<MachineView> = {}): MachineView => ({
  name,
  room: 'lab-a',
  power: 'on',
  cut: false,
  node: 'Ready',
  approved: true,
  owner: 'none',
  closed: false,
  instances: [],
  guests: [],
  ...look,
});
const job = (name: string, look: Partial<JobView> = {}): JobView => ({
  name: `default/${name}`,
  phase: 'Running',
  node: 'pc-1',
  attempt: 1,
  note: '',
  ...look,
});
const view = (look: Partial<LabView> = {}): LabView => ({
  server: 'https://127.0.0.1:1',
  kubeconfig: '/k',
  ready: true,
  machines: [machine('pc-1'), machine('pc-2', { power: 'off', node: 'Unknown' })],
  jobs: [],
  missing: [],
  ...look,
});

describe('the picture of a lab', () => {
  it('shows machines and jobs in columns', () => {
    const machines = [
      machine('pc-1', { instances: ['hello-1 (Running)'] }),
      machine('pc-2', { cut: true, closed: true, owner: 'there' }),
    ];
    expect(renderPicture(view({ machines, jobs: [job('hello', { note: 'exit code 0' })] }), 200)).toEqual([
      'idlewild lab  https://127.0.0.1:1  2 machines, 1 job',
      'MACHINE  ROOM   POWER        NODE           OWNER  GUESTS',
      'pc-1     lab-a  on           Ready          -      hello-1 (Running)',
      'pc-2     lab-a  on, cut off  Ready, closed  there  -',
      'JOB            PHASE    NODE  ATTEMPT  NOTE',
      'default/hello  Running  pc-1  1        exit code 0',
    ]);
  });

  it.each([
    ['kvm', 'a kernel boots with it', 'guests run with KVM: a kernel boots with it'],
    ['tcg', 'no /dev/kvm', 'guests run emulated, which is slow: no /dev/kvm'],
  ] as const)('says that guests run with %s, and why', (accel, why, line) => {
    expect(renderPicture(view({ accel: { accel, why } }), 200)[1]).toBe(line);
  });

  it('says how to begin when there is no job, and what does not run', () => {
    const lines = renderPicture(view({ missing: ['operator'], ready: false }), 200);
    expect(lines[0]).toContain('(starting)');
    expect(lines[1]).toBe('not running: operator');
    expect(lines.at(-1)).toContain('kubectl apply');
  });

  it('shows the newest jobs and counts the others', () => {
    const jobs = Array.from({ length: 15 }, (_, i) => job(`j${i}`));
    const lines = renderPicture(view({ jobs }), 200);
    expect(lines.at(-1)).toBe('and 3 older jobs');
    expect(lines.filter((line) => line.startsWith('default/'))).toHaveLength(12);
  });

  it('is no wider than the screen', () => {
    const lines = renderPicture(view(), 20);
    expect(Math.max(...lines.map((line) => line.length))).toBe(20);
  });
});

describe('the changes of a lab', () => {
  it.each([
    { title: 'everything at first', before: undefined, after: view(), lines: 2 },
    { title: 'nothing when nothing changed', before: view(), after: view(), lines: 0 },
  ])('tell $title', ({ before, after, lines }) => {
    expect(changesBetween(before, after)).toHaveLength(lines);
  });

  it('tell one line of each thing that changed', () => {
    const before = view({ jobs: [job('a'), job('gone')] });
    const after = view({
      machines: [machine('pc-1', { power: 'hung' }), before.machines[1]!],
      jobs: [job('a', { phase: 'Failed' })],
    });
    expect(changesBetween(before, after)).toEqual([
      'machine pc-1: hung, Ready, guests: -',
      'job default/a: Failed on pc-1, attempt 1',
      'job default/gone: deleted',
    ]);
  });
});
