// Bad input is refused with the field's name and what is allowed, and changes nothing.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { manifest, startLab, submit, untilJob, type JobSpec, type LabCluster } from '../src/cluster.ts';

let lab: LabCluster;
beforeAll(async () => {
  lab = await startLab({ machines: 1 });
}, 300_000);
afterAll(async () => {
  await lab.stop();
}, 60_000);

const script = 'true';
const refused: [what: string, spec: JobSpec, says: RegExp][] = [
  ['no cores', { script, resources: { cores: 0 } }, /spec\.resources\.cores.*greater than or equal to 1/],
  ['too many cores', { script, resources: { cores: 129 } }, /spec\.resources\.cores.*less than or equal to 128/],
  [
    'too little memory',
    { script, resources: { memory: '1Mi' } },
    /spec\.resources\.memory must be between 64Mi and 1Ti/,
  ],
  [
    'memory that is no quantity',
    { script, resources: { memory: 'lots' } },
    /spec\.resources\.memory must be a quantity/,
  ],
  ['too small a disk', { script, resources: { disk: 1 } }, /spec\.resources\.disk must be between 16Mi and 10Ti/],
  ['a disk that is no quantity', { script, resources: { disk: 'big' } }, /spec\.resources\.disk must be a quantity/],
  [
    'too little graphics memory',
    { script, resources: { graphicsMemory: '1Ki' } },
    /spec\.resources\.graphicsMemory must be between 1Mi and 64Gi/,
  ],
  [
    'a negative number of GPUs',
    { script, resources: { gpus: -1 } },
    /spec\.resources\.gpus.*greater than or equal to 0/,
  ],
  ['too many GPUs', { script, resources: { gpus: 17 } }, /spec\.resources\.gpus.*less than or equal to 16/],
  [
    'an unknown priority',
    { script, priority: 'Now' as 'Urgent' },
    /spec\.priority.*supported values: "Low", "Normal", "High", "Urgent"/,
  ],
  [
    'an unknown architecture',
    { script, architecture: 'mips' as 'amd64' },
    /spec\.architecture.*supported values: "amd64", "arm64"/,
  ],
  ['an unknown mode', { script, mode: 'Fast' as 'Batch' }, /spec\.mode.*supported values: "Batch", "Session"/],
  [
    'an unknown console',
    { script, console: 'SSH' as 'VNC' },
    /spec\.console.*supported values: "VNC", "Serial", "None"/,
  ],
  ['no image', { script, image: {} as { containerDisk: string } }, /spec\.image\.containerDisk.*Required/],
  [
    'a bad image',
    { script, image: { containerDisk: 'two words' } },
    /spec\.image\.containerDisk must be an image reference/,
  ],
  ['a batch job without a script', {}, /spec\.script is required when spec\.mode is Batch/],
  ['an empty script', { script: '' }, /spec\.script.*at least 1 char/],
  [
    'a file with a relative path',
    { script, files: [{ path: 'motd', content: '', mode: '0644' }] },
    /path must be absolute/,
  ],
  [
    'a file that climbs',
    { script, files: [{ path: '/a/../b', content: '', mode: '0644' }] },
    /path must be absolute.*no '\.\.'/,
  ],
  [
    'a file without content',
    { script, files: [{ path: '/a', mode: '0644' }] },
    /exactly one of content and secretKeyRef/,
  ],
  [
    'a file with a bad mode',
    { script, files: [{ path: '/a', content: '', mode: '9999' }] },
    /mode must be permission bits in octal/,
  ],
  [
    'a room that is no label',
    { script, placement: { dedicatedOnly: false, rooms: ['lab a'] } },
    /a room must be a label value/,
  ],
  [
    'a selector that is no label',
    { script, placement: { dedicatedOnly: false, nodeSelector: { 'a b': 'c' } } },
    /nodeSelector must have label keys/,
  ],
  [
    'a selector with a bad value',
    { script, placement: { dedicatedOnly: false, nodeSelector: { a: '-' } } },
    /nodeSelector must have label values/,
  ],
  ['a bad walltime', { script, walltime: 'soon' }, /spec\.walltime must be a duration from 1s to 8760h/],
  ['no walltime at all', { script, walltime: '0s' }, /spec\.walltime must be a duration from 1s to 8760h/],
  ['a bad start deadline', { script, startDeadline: '48h' }, /spec\.startDeadline must be a duration from 1s to 24h/],
  ['negative retries', { script, retries: { limit: -1 } }, /spec\.retries\.limit.*greater than or equal to 0/],
  [
    'retries on nonsense',
    { script, retries: { when: ['Rain' as 'ScriptFailed'] } },
    /spec\.retries\.when\[0\].*"ScriptFailed", "StartFailed"/,
  ],
  [
    'a negative time to live',
    { script, ttlSecondsAfterFinished: -1 },
    /spec\.ttlSecondsAfterFinished.*greater than or equal to 0/,
  ],
  ['an unknown field', { script, colour: 'red' } as JobSpec, /unknown field "spec\.colour"/],
];

describe('kubectl apply of a bad job', () => {
  it.each(refused)(
    'with %s is refused in words, and no job is made',
    async (_what, spec, says) => {
      const applied = await lab.kubectl(['apply', '-f', '-'], manifest('bad', spec));
      expect(applied.code).not.toBe(0);
      expect(applied.stderr).toMatch(says);
      expect((await lab.kubectl(['get', 'cjob', 'bad'])).stderr).toContain('NotFound');
    },
    60_000,
  );

  it('with a name too long for its virtual machines is refused, and the longest good name works', async () => {
    const long = await lab.kubectl(['apply', '-f', '-'], manifest('j'.repeat(44), { script }));
    expect(long.code).not.toBe(0);
    expect(long.stderr).toMatch(/metadata\.name must be at most 43 characters/);
    const dotted = await lab.kubectl(['apply', '-f', '-'], manifest('a.b', { script }));
    expect(dotted.stderr).toMatch(/metadata\.name/);
    await submit(lab, 'j'.repeat(43), { script });
    await untilJob(lab, 'j'.repeat(43), 'runs', ({ status }) => status?.phase === 'Succeeded');
  }, 180_000);
});

describe('a second kubectl apply', () => {
  it('that changes what cannot be changed is refused and changes nothing; walltime and retries can be changed', async () => {
    await submit(lab, 'fixed', { script: 'sleep 1', walltime: '60s' });
    const changes: [JobSpec, RegExp][] = [
      [{ script: 'sleep 2', walltime: '60s' }, /spec\.script cannot be changed/],
      [{ script: 'sleep 1', walltime: '60s', resources: { cores: 2 } }, /spec\.resources cannot be changed/],
      [{ script: 'sleep 1', walltime: '60s', image: { containerDisk: 'lab/debian' } }, /spec\.image cannot be changed/],
      [{ script: 'sleep 1', walltime: '60s', mode: 'Session' }, /spec\.mode cannot be changed/],
      [{ script: 'sleep 1', walltime: '60s', console: 'VNC' }, /spec\.console cannot be changed/],
      [{ script: 'sleep 1', walltime: '60s', architecture: 'arm64' }, /spec\.architecture cannot be changed/],
      [
        { script: 'sleep 1', walltime: '60s', placement: { rooms: ['lab-a'], dedicatedOnly: false } },
        /spec\.placement cannot be changed/,
      ],
      [
        { script: 'sleep 1', walltime: '60s', files: [{ path: '/a', content: '', mode: '0644' }] },
        /spec\.files cannot be changed/,
      ],
    ];
    const before = (await lab.kubectl(['get', 'cjob', 'fixed', '-o', 'jsonpath={.spec}'])).stdout;
    for (const [spec, says] of changes) {
      const applied = await lab.kubectl(['apply', '-f', '-'], manifest('fixed', spec));
      expect(applied.stderr).toMatch(says);
      expect(applied.code).not.toBe(0);
    }
    expect((await lab.kubectl(['get', 'cjob', 'fixed', '-o', 'jsonpath={.spec}'])).stdout).toBe(before);
    await submit(lab, 'fixed', { script: 'sleep 1', walltime: '90s', retries: { limit: 5 } });
    await untilJob(lab, 'fixed', 'succeeds', ({ status }) => status?.phase === 'Succeeded');
  }, 180_000);
});
