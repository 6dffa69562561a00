// make bench: takes the measurements one after the other, says what is under way, and prints one table.
// `make bench ARGS=--help` says how.

import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { freePort, Site } from './core/cluster.ts';
import { full, isMet, scaled, type Figure } from './core/figures.ts';
import { machineOf, markdown, table } from './core/report.ts';
import { measurements } from './measurements/all.ts';

const usage = `make bench [ARGS="claims latency --rounds 1 --fraction 0.1 --json FILE --markdown FILE --profile DIR"]

${measurements.map(({ name, about }) => `  ${name.padEnd(16)}${about}`).join('\n')}

bench/README.md says what each of them is.
`;
const { values, positionals } = argumentsOf();
if (values.help) {
  process.stdout.write(usage);
  process.exit(0);
}
const names = measurements.map(({ name }) => name);
const unknown = positionals.find((name) => !names.includes(name));
if (unknown !== undefined) fail(`"${unknown}" is no measurement; there are: ${names.join(', ')}`);
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1 || rounds > 99) fail(`--rounds must be from 1 to 99, not ${values.rounds}`);
const fraction = Number(values.fraction);
if (!(fraction > 0 && fraction <= 1)) fail(`--fraction must be above 0 and at most 1, not ${values.fraction}`);
if (values.profile !== undefined) mkdirSync(values.profile, { recursive: true });

const began = performance.now();
const say = (what: string): void => {
  const seconds = Math.round((performance.now() - began) / 1000);
  process.stderr.write(`[${String(seconds).padStart(4)} s] ${what}\n`);
};
const site = await Site.make();
// Whatever was started dies with this process.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
process.once('exit', () => rmSync(site.dir, { recursive: true, force: true }));
try {
  const kubeletPort = await freePort();
  const taken: { measurement: string; figures: readonly Figure[] }[] = [];
  for (const measurement of measurements) {
    if (positionals.length > 0 && !positionals.includes(measurement.name)) continue;
    say(`${measurement.name}: ${measurement.about}`);
    const bench = {
      ...{ site, kubeletPort, scale: { ...scaled(full, fraction), rounds }, profiles: values.profile },
      say: (what: string) => say(`  ${what}`),
    };
    taken.push({ measurement: measurement.name, figures: await measurement.run(bench) });
  }
  const figures = taken.flatMap((each) => each.figures);
  say('done');
  process.stdout.write(`${machineOf()}\n\n${table(figures)}\n`);
  if (values.markdown !== undefined) writeFileSync(values.markdown, markdown(figures));
  if (values.json !== undefined) {
    const rows = figures.map((figure) => ({ ...figure, met: isMet(figure) }));
    writeFileSync(values.json, `${JSON.stringify({ machine: machineOf(), rounds, figures: rows }, null, 2)}\n`);
  }
} finally {
  await site.close();
}

function argumentsOf() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        json: { type: 'string' },
        markdown: { type: 'string' },
        profile: { type: 'string' },
        rounds: { type: 'string', default: String(full.rounds) },
        fraction: { type: 'string', default: '1' },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    return fail(`${(error as Error).message}\n\n${usage}`);
  }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
