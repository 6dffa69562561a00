// What is only used elsewhere (images, workflows, the cluster of e2e/kind) read with care here: everything that it names exists.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { agentNodeFlags } from './bundle-agent.ts';
import { operatorNodeFlags } from './bundle-operator.ts';
import { portalNodeFlags } from './bundle-portal.ts';

const root = join(import.meta.dirname, '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Instructions with their continued lines joined. */
const instructions = read('Dockerfile')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => /^[A-Z]/.test(line.trim()))
  .map((line) => line.trim());

/** The instructions of one stage. */
function stage(name: string): string[] {
  const from = instructions.findIndex((line) => line.endsWith(` AS ${name}`));
  const end = instructions.findIndex((line, index) => index > from && line.startsWith('FROM '));
  expect(from).toBeGreaterThan(-1);
  return instructions.slice(from, end === -1 ? undefined : end);
}

const programs = { operator: operatorNodeFlags, portal: portalNodeFlags, agent: agentNodeFlags };

describe('the Dockerfile', () => {
  it('copies only what is there, and every workspace that the lock file knows', () => {
    const sources = instructions
      .filter((line) => line.startsWith('COPY ') && !line.includes('--from='))
      .flatMap((line) => line.split(/\s+/).slice(1, -1))
      .filter((word) => !word.startsWith('--'));
    expect(sources.filter((path) => !existsSync(join(root, path)))).toEqual([]);
    const { workspaces } = JSON.parse(read('package.json')) as { workspaces: string[] };
    expect(sources).toEqual(expect.arrayContaining(workspaces.map((name) => `${name}/package.json`)));
  });

  it.each(Object.entries(programs))('starts %s with the flags that it is measured with', (name, flags) => {
    const entry = stage(name).find((line) => line.startsWith('ENTRYPOINT '));
    const words = JSON.parse(entry?.slice('ENTRYPOINT '.length) ?? '[]') as string[];
    expect(words).toEqual(expect.arrayContaining(['node', ...flags, `/opt/idlewild/${name}/main.mjs`]));
  });

  it('runs operator and portal without rights, and says how all three are asked for their health', () => {
    const users = Object.keys(programs).map((name) => stage(name).find((line) => line.startsWith('USER ')));
    expect(users).toEqual(['USER 65532:65532', 'USER 65532:65532', 'USER 0:0']);
    for (const name of Object.keys(programs)) {
      expect(stage(name).filter((line) => line.startsWith('HEALTHCHECK '))).toHaveLength(1);
    }
  });

  it("puts the dead man's switch where the chart takes it from", () => {
    expect(stage('agent').join('\n')).toContain('/opt/idlewild/host/idlewild-fence.service');
    expect(read('charts/idlewild/templates/agent/daemonset.yaml')).toContain('cd /opt/idlewild/host');
  });

  it("has the machine's programs find their libraries below /usr, which is all of the machine that the chart mounts for them", () => {
    const links = [
      ...stage('build')
        .join('\n')
        .matchAll(/ln -s (\S+) \/built\/host\/(\S+)/g),
    ].map(([, to, at]) => [at, to]);
    expect(Object.fromEntries(links)).toEqual({ lib: 'usr/lib', lib64: 'usr/lib64' });
    expect(stage('agent')).toContain('COPY --from=build /built/host /host');
    const { agent } = parse(read('charts/idlewild/values.yaml')) as { agent: { hostPrograms: string[] } };
    expect(agent.hostPrograms).toEqual(['/usr']);
  });
});

interface Step {
  readonly uses?: string;
  readonly run?: string;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Workflow {
  readonly on: unknown;
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly 'runs-on': string;
        readonly 'timeout-minutes': number;
        readonly needs?: string;
        readonly permissions?: Readonly<Record<string, string>>;
        readonly steps: readonly Step[];
      }
    >
  >;
}

const workflows = readdirSync(join(root, '.github/workflows'));

describe.each(workflows)('the workflow %s', (file) => {
  const workflow = parse(read(`.github/workflows/${file}`)) as Workflow;
  const jobs = Object.entries(workflow.jobs);
  const steps = jobs.flatMap(([, job]) => job.steps);

  it('reads the repository and nothing else unless a job says more, and every job ends in time', () => {
    expect(workflow.on).toBeDefined();
    expect(workflow.permissions).toEqual({ contents: 'read' });
    for (const [, job] of jobs) {
      expect(job['runs-on']).toBe('ubuntu-24.04');
      expect(job['timeout-minutes']).toBeLessThanOrEqual(120);
      expect([undefined, ...Object.keys(workflow.jobs)]).toContain(job.needs);
    }
  });

  it('names a version of every action, and leaves no token in what it checks out', () => {
    for (const { uses, run, with: given } of steps) {
      expect((uses === undefined) !== (run === undefined)).toBe(true);
      if (uses !== undefined) expect(uses).toMatch(/^[\w-]+\/[\w-]+@(v\d+|[0-9a-f]{40})$/);
      if (uses?.startsWith('actions/checkout@')) expect(given).toMatchObject({ 'persist-credentials': false });
    }
  });

  it("has commands that a shell can read, into which nobody else's text is pasted", () => {
    for (const { run } of steps) {
      if (run === undefined) continue;
      expect(run.replaceAll('${{ matrix.target }}', '')).not.toContain('${{');
      const checked = spawnSync('sh', ['-n'], {
        input: run.replaceAll('${{ matrix.target }}', 'agent'),
        encoding: 'utf8',
      });
      expect(checked).toMatchObject({ status: 0, stderr: '' });
    }
  });

  it('runs only npm scripts and files that are there', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const said = steps.map(({ run }) => run ?? '').join('\n');
    for (const [, name = ''] of said.matchAll(/npm run (\S+)/g)) expect(Object.keys(scripts)).toContain(name);
    for (const [path] of said.matchAll(/(?:e2e|agent|charts)\/[\w./-]+/g))
      expect(existsSync(join(root, path))).toBe(true);
  });
});

describe('the cluster of e2e/kind', () => {
  it('is started by a script that a shell can read, and that names journeys and files that are there', () => {
    const script = read('e2e/kind/run');
    expect(spawnSync('sh', ['-n', join(root, 'e2e/kind/run')], { encoding: 'utf8' })).toMatchObject({
      status: 0,
      stderr: '',
    });
    for (const [, file = ''] of script.matchAll(/\$here\/([\w.-]+\.yaml)/g))
      expect(existsSync(join(root, 'e2e/kind', file))).toBe(true);
    const [, chosen = ''] = /e2e\/journeys\/\(([\w|-]+)\)/.exec(script) ?? [];
    const all = readdirSync(join(root, 'e2e/journeys')).map((file) => file.replace('.test.ts', ''));
    expect(all).toEqual(expect.arrayContaining(chosen.split('|')));
    // Each journey is either run or left out by name.
    for (const journey of all) expect(script).toMatch(new RegExp(`[ (|]${journey}[ ,:)|]`));
    // What is run asks for nothing that only the lab has, the names of its machines among it.
    for (const journey of chosen.split('|'))
      expect(read(`e2e/journeys/${journey}.test.ts`)).not.toMatch(/\blab\.(lab|up)\(|\blab\.dir\b|emulators\(|\bpc-\d/);
  });

  it('has KubeVirt emulate the processor, and lets a running guest be moved by a change of its machine', () => {
    expect(parse(read('e2e/kind/kubevirt.yaml'))).toMatchObject({
      kind: 'KubeVirt',
      spec: { configuration: { vmRolloutStrategy: 'LiveUpdate', developerConfiguration: { useEmulation: true } } },
    });
    const { nodes } = parse(read('e2e/kind/cluster.yaml')) as { nodes: { role: string }[] };
    expect(nodes.filter(({ role }) => role === 'worker').length).toBeGreaterThan(1);
  });
});
