// That every flag which the chart passes is one that the program takes, as told by the programs' own parsers.

import { beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fenceTermsOf, parseOptions as parseAgentOptions } from '@idlewild/agent/options.ts';
import { defaultCacheDir } from '@idlewild/lab/images/cache.ts';
import { ensureKubectl } from '@idlewild/lab/tools/kubectl.ts';
import { parseOptions } from '@idlewild/operator/options.ts';
import { parsePortalOptions } from '@idlewild/operator/portal/options.ts';
import { parseAllDocuments } from 'yaml';

const chart = join(import.meta.dirname, '../../charts/idlewild');
const run = promisify(execFile);
let helm = '';

interface Workload {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly args: string[] }[] } };
  };
}

beforeAll(async () => ({ helm } = await ensureKubectl(join(defaultCacheDir(), 'bin'))), 60_000);

async function argsOf(name: string, ...values: string[]): Promise<string[]> {
  const sets = values.flatMap((value) => ['--set', value]);
  const { stdout } = await run(helm, ['template', 'idlewild', chart, '-n', 'lab-system', ...sets], {
    maxBuffer: 2 ** 26,
  });
  const objects = parseAllDocuments(stdout).map((document) => document.toJS() as Workload | null);
  const found = objects.find(
    (each) => each?.metadata.name === name && (each.kind === 'Deployment' || each.kind === 'DaemonSet'),
  );
  if (found == null) throw new Error(`the chart has no ${name}`);
  return found.spec.template.spec.containers[0]?.args ?? [];
}

describe('the flags of the chart', () => {
  it('are taken by the operator', async () => {
    const args = await argsOf('operator', 'operator.flags.hold-down=2m');
    expect(parseOptions(args)).toMatchObject({ 'leader-elect': true, namespace: 'lab-system', 'hold-down': 120_000 });
  });

  it('are taken by the portal', async () => {
    const args = await argsOf('portal', 'portal.ingress.enabled=true', 'portal.ingress.tlsSecret=tls');
    expect(parsePortalOptions(args)).toMatchObject({ port: 8080, 'public-url': ['https://portal.example.org'] });
  });

  it('are taken by the agent, and its fence holds', async () => {
    const options = parseAgentOptions(await argsOf('agent-desktop', 'agent.ownerPort=7070'));
    expect(options).toMatchObject({ dedicated: false, 'owner-port': 7070, 'policy-namespace': 'lab-system' });
    expect(() => fenceTermsOf(options)).not.toThrow();
  });
});
