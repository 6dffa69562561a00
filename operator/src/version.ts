// Which Idlewild this is: for the log, and for `idlewild_build_info`, so that a dashboard shows who runs what during an upgrade.
// A bundle has its version written into it; what runs from the sources has none.

import { Gauge, type Registry } from 'prom-client';

declare const IDLEWILD_VERSION: string | undefined;

/** As in package.json, such as `0.1.0`; `sources` where nothing was bundled. */
export const version: string = typeof IDLEWILD_VERSION === 'string' ? IDLEWILD_VERSION : 'sources';

/** A constant 1 whose label tells the version, as exporters of Prometheus have it. */
export function tellVersion(registry: Registry): void {
  new Gauge({
    name: 'idlewild_build_info',
    help: 'The version of this operator, as a label of a constant 1',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version }, 1);
}
