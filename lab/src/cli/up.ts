// `up`: starts the lab here, in the foreground with a live picture, or detached.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ask } from '../daemon/control.ts';
import { Lab } from '../daemon/lab.ts';
import { layoutOf, type LabLayout } from '../daemon/layout.ts';
import { changesBetween, renderPicture, type LabView } from '../daemon/picture.ts';
import { Screen } from '../daemon/screen.ts';
import { maxMachines } from '../daemon/state.ts';
import { programPath } from '../images/packages.ts';
import { dirOption } from './status.ts';

const options = {
  ...dirOption,
  detach: { type: 'boolean', default: false },
  machines: { type: 'string' },
  port: { type: 'string' },
  operator: { type: 'boolean', default: true },
  portal: { type: 'boolean', default: true },
  'operator-flag': { type: 'string', multiple: true },
  witness: { type: 'boolean', default: false },
  guests: { type: 'string', default: 'real' },
} as const;

export async function upCommand(args: string[]): Promise<void> {
  const { values } = parseArgs({ args, options, allowNegative: true });
  const layout = layoutOf(values.dir);
  const machines = numberOf('machines', values.machines, 1, maxMachines);
  const port = numberOf('port', values.port, 1, 65_535);
  if (values.guests !== 'real' && values.guests !== 'light')
    throw new Error(`--guests: "${values.guests}" is not allowed; real and light are`);
  if (values.detach)
    return detached(
      layout,
      args.filter((word) => word !== '--detach'),
    );

  const screen = new Screen(process.stdout);
  const say = (line: string): void => screen.note(line);
  const ending = Promise.withResolvers<string>();
  const giveUp = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => ending.resolve(signal));
  const started: { lab?: Lab } = {};
  let told: LabView | undefined;
  const show = (): void => {
    if (started.lab === undefined) return;
    const { view } = started.lab;
    if (screen.live) screen.draw(renderPicture(view, screen.width));
    else for (const line of changesBetween(told, view)) say(line);
    told = view;
  };
  if (values.guests === 'light') say('guests are light: processes without a computer inside, which run no script');
  const starting = Lab.start({
    layout,
    machines,
    port,
    operator: values.operator,
    portal: values.portal && values.operator,
    operatorFlags: values['operator-flag'] ?? [],
    witness: values.witness,
    lightGuests: values.guests === 'light',
    say,
    onApi: (kubeconfig) => say(`export KUBECONFIG=${kubeconfig}`),
    onChange: show,
    signal: giveUp.signal,
    onDown: () => ending.resolve('down'),
  });
  const first = await Promise.race([starting, ending.promise]);
  if (typeof first === 'string') {
    say(`${first}: ending before the lab was ready`);
    giveUp.abort(new Error('the start was given up'));
    await starting.then((late) => late.close()).catch(() => undefined);
    process.exit(130);
  }
  const lab = first;
  started.lab = lab;
  say('the lab is ready');
  if (lab.view.portal !== undefined) {
    say(`open ${lab.view.portal} in a browser; to log in, print a token with: npm run --silent lab -- token`);
  }
  if (!onPath('kubectl')) say(`kubectl is not on your PATH: export PATH=${layout.bin}:$PATH`);
  show();
  const ticking = setInterval(show, 1_000);
  const why = await ending.promise;
  clearInterval(ticking);
  delete started.lab;
  screen.draw([]);
  say(`${why}: ending the lab`);
  await lab.close();
  say('the lab has ended; its data is kept');
  process.exit(0);
}

/** Starts the same command in a session of its own, shows its words until it is ready, and leaves it. */
async function detached(layout: LabLayout, args: readonly string[]): Promise<void> {
  mkdirSync(layout.logs, { recursive: true });
  const logFile = join(layout.logs, 'lab.log');
  const output = openSync(logFile, 'w');
  const program = join(import.meta.dirname, '..', 'cli.ts');
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', program, 'up', ...args], {
    detached: true,
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const ended = new Promise<number>((resolve) => {
    child.once('exit', (code) => resolve(code ?? 1));
    child.once('error', () => resolve(1));
  });
  let shown = 0;
  const showNew = (): void => {
    const text = readFileSync(logFile, 'utf8');
    const whole = text.lastIndexOf('\n') + 1;
    process.stdout.write(text.slice(shown, whole));
    shown = Math.max(shown, whole);
  };
  for (;;) {
    const code = await Promise.race([ended, delay(100)]);
    showNew();
    if (code !== undefined) {
      process.exitCode = code === 0 ? 1 : code;
      return;
    }
    const view = await ask<LabView>(layout.controlSocket, { op: 'status' }).catch(() => undefined);
    if (view?.ready === true) break;
  }
  showNew();
  child.unref();
  process.exit(0);
}

function onPath(program: string): boolean {
  return programPath()
    .split(':')
    .some((folder) => {
      try {
        closeSync(openSync(join(folder, program), 'r'));
        return true;
      } catch {
        return false;
      }
    });
}

function numberOf(option: string, text: string | undefined, least: number, most: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new Error(`--${option}: "${text}" is not allowed; a whole number from ${least} to ${most} is`);
}
