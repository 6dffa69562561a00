// Jobs: generated ones add up to what was asked for, recorded ones are read as they are written.
import { describe, expect, it } from '@jest/globals';
import { Random } from '../world/random.ts';
import { generateWorkload } from './generate.ts';
import { coreMsOf } from './job-plan.ts';
import { parseJobTrace } from './trace-file.ts';

const wish = { jobs: 1000, days: 7, coreHours: 5_000, load: 0.6, largest: { cores: 8, memoryMiB: 16_384 } };

describe('a generated workload', () => {
  const { jobs, namespaces } = generateWorkload(new Random(5), wish);

  it('has as many jobs as asked for, in order, each under its own name', () => {
    expect(jobs).toHaveLength(1000);
    expect(new Set(jobs.map(({ namespace, name }) => `${namespace}/${name}`)).size).toBe(1000);
    expect(jobs.every(({ atMs }, index) => index === 0 || (jobs[index - 1]?.atMs ?? 0) <= atMs)).toBe(true);
    expect(jobs.every(({ namespace }) => namespaces.has(namespace))).toBe(true);
  });

  it('adds up to about the load asked for, with no job beyond a quarter of the time', () => {
    const coreHours = jobs.reduce((sum, plan) => sum + coreMsOf(plan), 0) / 3_600_000;
    expect(coreHours / wish.coreHours).toBeGreaterThan(0.5);
    expect(coreHours / wish.coreHours).toBeLessThanOrEqual(0.62);
    expect(jobs.every(({ truth }) => (truth.workMs ?? 0) <= (7 * 86_400_000) / 4)).toBe(true);
  });

  it('floods the queue from one namespace at one time', () => {
    const times = jobs.filter(({ namespace }) => namespace === 'flood').map(({ atMs }) => atMs);
    expect(times).toHaveLength(100);
    expect(Math.max(...times) - Math.min(...times)).toBeLessThan(10_000);
  });
});

describe('a recorded workload', () => {
  it('is read from CSV in any order of columns, and from JSON lines', () => {
    const { jobs } = parseJobTrace('seconds,at,cores,memory,priority,namespace\n30,5,2,1Gi,High,lab\n');
    expect(jobs[0]).toMatchObject({
      atMs: 5_000,
      namespace: 'lab',
      name: 'job-2',
      spec: { mode: 'Batch', priority: 'High', resources: { cores: 2, memory: '1Gi' } },
      truth: { workMs: 30_000, exitCode: 0 },
    });
    const json = parseJobTrace('{"at":1,"seconds":2,"cores":1,"memory":"512Mi","mode":"Session","exit":3}');
    expect(json.jobs[0]).toMatchObject({ namespace: 'recorded', spec: { mode: 'Session' }, truth: { exitCode: 3 } });
  });

  it.each([
    ['at,seconds,cores,memory\n1,2,0,1Gi', 'line 2: cores'],
    ['at,seconds,cores\n1,2,1', 'line 2: memory'],
    ['at,seconds,cores,memory\n1,2', 'line 2: has 2 columns'],
    ['{"at":1,"seconds":2,"cores":1,"memory":"1Gi","colour":"red"}', 'line 1'],
    ['at,seconds,cores,memory,namespace\n1,2,1,1Gi,Not_A_Label', 'line 2: namespace'],
    ['# nothing', 'holds no job'],
  ])('%j is refused', (text, words) => {
    expect(() => parseJobTrace(text)).toThrow(words);
  });
});
