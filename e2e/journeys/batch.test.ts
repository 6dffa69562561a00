// The main job: a script runs in a virtual machine on an idle machine, and its output and exit code come back.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { inPhase, output, patient, startLab, submit, until, untilJob, type LabCluster } from '../src/cluster.ts';

let lab: LabCluster;
beforeAll(async () => {
  lab = await startLab();
}, patient(300_000));
afterAll(async () => {
  await lab.stop();
}, patient(60_000));

const finished = inPhase('Succeeded', 'Failed');

describe('a batch job', () => {
  it(
    'that prints and exits 0 is Succeeded with exit code 0, its output is in the log, and every step left its time',
    async () => {
      await submit(lab, 'hello', { script: '#!/bin/sh\necho "hello from $(uname -n)"\n' });
      const done = await untilJob(lab, 'hello', 'finishes', finished);
      expect(done.status).toMatchObject({ phase: 'Succeeded', exitCode: 0, attempt: 1 });
      expect(await output(lab, 'hello')).toContain('hello from hello-1');

      const attempt = done.status?.attempts?.[0];
      const steps = [
        done.status?.publication?.at,
        attempt?.claimed,
        attempt?.created,
        attempt?.running,
        attempt?.started,
        attempt?.ended,
      ];
      const times = steps.map((at) => Date.parse(at ?? 'missing'));
      expect(times).toEqual([...times].sort((a, b) => a - b));
      expect(times.every((time) => Number.isFinite(time))).toBe(true);
      // Against hanging only; `make bench` measures what Idlewild adds to the guest's own boot.
      const [published = 0, , , running = 0] = times;
      expect(running - published).toBeLessThan(patient(30_000));
    },
    patient(120_000),
  );

  it(
    'has a network card as its spec says, and where it has one, a policy that isolates it',
    async () => {
      // Cards by their class on the bus, whether or not the guest has a driver for them.
      const script = 'echo "cards: $(cat /sys/bus/pci/devices/*/class | grep -c ^0x0200)"\n';
      await submit(lab, 'alone', { script, network: 'None' });
      await submit(lab, 'isolated', { script });
      for (const [name, cards] of Object.entries({ alone: 0, isolated: 1 })) {
        await untilJob(lab, name, 'finishes', finished);
        expect(await output(lab, name)).toContain(`cards: ${cards}`);
      }
      const { stdout } = await lab.kubectl([
        'get',
        'networkpolicy',
        'idlewild-guests',
        '-o',
        'jsonpath={.spec.policyTypes}',
      ]);
      expect(JSON.parse(stdout)).toEqual(['Ingress', 'Egress']);
    },
    patient(180_000),
  );

  it(
    'is seen by kubectl get -w in the phases Starting, Running and Succeeded, in this order',
    async () => {
      const watching = lab.follow(['get', 'cjob', '-w', '-o', 'jsonpath={.metadata.name} {.status.phase}{"\\n"}']);
      const phases = () =>
        [...watching.printed().matchAll(/^watched (\w+)$/gm)]
          .map(([, phase]) => phase)
          .filter((phase, index, all) => phase !== all[index - 1]);
      await submit(lab, 'watched', { script: 'sleep 1\n' });
      await untilJob(lab, 'watched', 'finishes', finished);
      const seen = await until('kubectl shows the end', async () => phases().at(-1) === 'Succeeded' && phases());
      watching.stop();
      expect(seen).toEqual(['Starting', 'Running', 'Succeeded']);
    },
    patient(180_000),
  );

  it(
    'that exits 3 is repeated as its spec says and then Failed with exit code 3',
    async () => {
      await submit(lab, 'flaky', { script: 'echo attempt; exit 3', retries: { limit: 1, when: ['ScriptFailed'] } });
      const done = await untilJob(lab, 'flaky', 'finishes', finished, { timeoutMs: 150_000 });
      expect(done.status).toMatchObject({ phase: 'Failed', exitCode: 3, attempt: 2 });
      expect(done.status?.attempts?.map(({ reason, exitCode }) => ({ reason, exitCode }))).toEqual([
        { reason: 'ScriptFailed', exitCode: 3 },
        { reason: 'ScriptFailed', exitCode: 3 },
      ]);
    },
    patient(180_000),
  );

  it(
    'gets its files, also those from a Secret, and waits with the name of a Secret that is missing',
    async () => {
      await submit(lab, 'reader', {
        script: 'cat /etc/licence /etc/motd; stat -c %a /etc/licence',
        files: [
          { path: '/etc/licence', mode: '0600', secretKeyRef: { name: 'licence', key: 'key.txt' } },
          { path: '/etc/motd', mode: '0644', content: 'welcome\n' },
        ],
      });
      const waiting = await untilJob(lab, 'reader', 'says what is missing', ({ status }) =>
        /licence/.test(status?.message ?? ''),
      );
      expect(waiting.status?.phase).not.toBe('Failed');
      await lab.kubectl(['create', 'secret', 'generic', 'licence', '--from-literal=key.txt=between-us ']);
      const done = await untilJob(lab, 'reader', 'finishes', finished);
      expect(done.status?.phase).toBe('Succeeded');
      const printed = await output(lab, 'reader');
      expect(printed).toContain('between-us welcome');
      expect(printed).toContain('600');
    },
    patient(180_000),
  );

  it(
    'whose image never boots is given up at its deadline, tried elsewhere, and Failed with a reason in words',
    async () => {
      await submit(lab, 'broken', {
        image: { containerDisk: 'lab/broken' },
        script: 'true',
        startDeadline: '6s',
        retries: { limit: 1, when: ['StartFailed'] },
      });
      const done = await untilJob(lab, 'broken', 'finishes', finished, { timeoutMs: 120_000 });
      expect(done.status?.phase).toBe('Failed');
      const nodes = done.status?.attempts?.map(({ node }) => node) ?? [];
      expect(new Set(nodes).size).toBe(2);
      expect(done.status?.message).toMatch(/did not start|not started|never started/i);
    },
    patient(180_000),
  );

  it(
    'whose image cannot be pulled says so in words',
    async () => {
      await submit(lab, 'unknown-image', { image: { containerDisk: 'registry.example/nothing:1.0' }, script: 'true' });
      const waiting = await untilJob(lab, 'unknown-image', 'says so', ({ status }) =>
        /registry\.example\/nothing:1\.0/.test(status?.message ?? ''),
      );
      expect(waiting.status?.message).toMatch(/image/i);
      await lab.kubectl(['delete', 'cjob', 'unknown-image']);
    },
    patient(120_000),
  );

  it(
    'is stopped at its walltime',
    async () => {
      await submit(lab, 'endless', { script: 'while :; do sleep 1; done', walltime: '3s' });
      const done = await untilJob(lab, 'endless', 'finishes', finished);
      expect(done.status?.phase).toBe('Failed');
      expect(done.status?.reason).toBe('WalltimeExceeded');
    },
    patient(120_000),
  );

  it(
    'is deleted, with all it made, when its time to live after the end is over',
    async () => {
      await submit(lab, 'brief', { script: 'true', ttlSecondsAfterFinished: 0 });
      await until(
        'job brief is gone',
        async () => (await lab.kubectl(['get', 'cjob', 'brief'])).stderr.includes('NotFound'),
        { timeoutMs: 60_000 },
      );
    },
    patient(120_000),
  );
});

describe('a session', () => {
  it(
    'runs until it is deleted, with its console ready',
    async () => {
      await submit(lab, 'desk', { mode: 'Session' });
      const running = await untilJob(lab, 'desk', 'runs', inPhase('Running'));
      expect(running.status?.conditions?.find(({ type }) => type === 'Reachable')?.status).toBe('True');
      const deleted = await lab.kubectl(['delete', 'cjob', 'desk', '--timeout=60s']);
      expect(deleted.code).toBe(0);
    },
    patient(150_000),
  );
});
