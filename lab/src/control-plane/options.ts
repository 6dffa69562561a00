// Command line of the control plane process: which lab, which API server, and the times that a lab may shorten.
// Refuses what it does not know, by name.
import { parseArgs } from 'node:util';
import { KUBERNETES_SETTINGS, type ControllerSettings } from '../controllers/start.ts';

export interface ControlPlaneOptions {
  /** The lab's directory, with `pki/` and `tokens.csv`. */
  readonly dir: string;
  /** https://host:port of the API server. */
  readonly server: string;
  readonly settings: ControllerSettings;
}

function milliseconds(flag: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  if (!/^[1-9]\d{0,8}$/.test(text))
    throw new TypeError(`--${flag}: "${text}" is not allowed; give whole milliseconds, 1 to 999999999`);
  return Number(text);
}

/** Throws TypeError with the flag's name and what is allowed. */
export function parseControlPlaneOptions(args: readonly string[]): ControlPlaneOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      dir: { type: 'string' },
      server: { type: 'string' },
      'node-monitor-grace-ms': { type: 'string' },
      'pod-gc-period-ms': { type: 'string' },
      'pod-gc-quarantine-ms': { type: 'string' },
    },
  });
  const { dir, server } = values;
  if (!dir) throw new TypeError('--dir: the directory of the lab is required');
  if (!server || !URL.canParse(server))
    throw new TypeError('--server: the address of the API server is required, as https://host:port');
  const time = (
    flag: 'node-monitor-grace-ms' | 'pod-gc-period-ms' | 'pod-gc-quarantine-ms',
    fallback: number,
  ): number => milliseconds(flag, values[flag], fallback);
  return {
    dir,
    server,
    settings: {
      nodeGraceMs: time('node-monitor-grace-ms', KUBERNETES_SETTINGS.nodeGraceMs),
      podGcPeriodMs: time('pod-gc-period-ms', KUBERNETES_SETTINGS.podGcPeriodMs),
      podGcQuarantineMs: time('pod-gc-quarantine-ms', KUBERNETES_SETTINGS.podGcQuarantineMs),
      finishedPodLimit: KUBERNETES_SETTINGS.finishedPodLimit,
    },
  };
}
