// `preflight` as a command: looks at the cluster, tells what it found, and says by its exit code whether jobs can run.

import { parseArgs } from 'node:util';
import { KubeClient } from '../kube/client.ts';
import type { Clock } from '../kube/clock.ts';
import { toKubeError } from '../kube/errors.ts';
import type { Transport } from '../kube/transport.ts';
import { durationMs } from '../model/duration.ts';
import { findingsOf } from './decide.ts';
import type { Finding } from './finding.ts';
import { readCluster } from './read.ts';
import { inLines } from './words.ts';

export const usage = `Whether this cluster can run jobs, and what helps if not.

  preflight [FLAGS]
  --kubeconfig FILE    KUBECONFIG, ~/.kube/config or the pod's service account unless given
  --namespace NAME     where Idlewild is installed (idlewild-system)
  --before-install     look at the cluster only: Idlewild is not there yet
  --listen DURATION    how long to listen for the agents of machines (6s)
  --json               findings as JSON: check, level (ok, warn, fail or unknown), words, remedy

Exit code: 0 nothing is in the way (there may be warnings), 1 something is, 2 the cluster could not be asked, or not all of it.
`;

export interface CommandDeps {
  readonly connect: (kubeconfig: string | undefined) => Promise<Transport>;
  readonly clock: Clock;
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
  /** Whether the reader's terminal shows colours. */
  readonly colours: boolean;
  /** Columns of the reader's terminal. */
  readonly width: number;
}

/** @returns the exit code. */
export async function runPreflight(args: readonly string[], o: CommandDeps): Promise<0 | 1 | 2> {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        kubeconfig: { type: 'string' },
        namespace: { type: 'string', default: 'idlewild-system' },
        'before-install': { type: 'boolean', default: false },
        listen: { type: 'string', default: '6s' },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
    if (values.help) {
      o.print(usage);
      return 0;
    }
    const findings = await look(values, o);
    if (values.json) o.print(`${JSON.stringify(findings, null, 2)}\n`);
    else o.print(`${inLines(findings, { colours: o.colours, width: o.width }).join('\n')}\n`);
    const has = (wanted: Finding['level']): boolean => findings.some(({ level }) => level === wanted);
    return has('fail') ? 1 : has('unknown') ? 2 : 0;
  } catch (error) {
    o.complain(`preflight: ${error instanceof Error ? error.message : String(error)}\n`);
    return 2;
  }
}

interface Flags {
  readonly kubeconfig?: string | undefined;
  readonly namespace: string;
  readonly 'before-install': boolean;
  readonly listen: string;
}

async function look(flags: Flags, { connect, clock }: CommandDeps): Promise<Finding[]> {
  const { namespace, listen } = flags;
  let listenMs: number;
  try {
    listenMs = durationMs(listen);
  } catch (error) {
    throw new TypeError(`--listen: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  const transport = await connect(flags.kubeconfig);
  try {
    const installed = !flags['before-install'];
    const facts = await readCluster({ client: new KubeClient(transport), clock, namespace, installed, listenMs });
    return findingsOf(facts, { installed });
  } catch (error) {
    throw toKubeError(error, `ask ${transport.server}`);
  } finally {
    await transport.close();
  }
}
