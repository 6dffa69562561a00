// Reads every sensor of a machine: files below the root of its file system, and what logind says where it is asked.
// Promises: what cannot be read is absent from the readings; nothing here throws, and nothing waits. Who is logged in is logind's
// to say, the file of logins only stands in for it; a battery or a closed lid is believed of whoever sees it.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import type { Readings } from '../presence/readings.ts';
import { InputSensor } from './input.ts';
import { either } from './logind-manager.ts';
import type { LogindReadings } from './logind.ts';
import { onBattery, type Supply } from './power.ts';
import { isFilming, type CameraPower } from './camera.ts';
import { isSounding } from './sound.ts';
import { sessionsIn } from './utmp.ts';
import { CoreMeter, memoryStallIn, usageIn } from './work.ts';

export interface HostSensorsOptions {
  /** "/" or where the host's file system is mounted. */
  readonly root: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly logind?: { readings(): LogindReadings } | undefined;
}

export class HostSensors {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #logind: HostSensorsOptions['logind'];
  readonly #input: InputSensor;
  readonly #ownerCores = new CoreMeter();

  constructor(options: HostSensorsOptions) {
    this.#root = options.root;
    this.#clock = options.clock;
    this.#logind = options.logind;
    this.#input = new InputSensor(options);
  }

  /** The one reading that is worth asking for several times a second. */
  inputMs(): number | undefined {
    return this.#input.poll();
  }

  read(): Readings {
    const pressure = this.#text('proc/pressure/memory');
    const lid = this.#names('proc/acpi/button/lid').map((name) => this.#text(`proc/acpi/button/lid/${name}/state`));
    const closed = lid.length === 0 ? undefined : lid.some((state) => state?.includes('closed'));
    const said = this.#logind?.readings() ?? {};
    return {
      inputMs: this.inputMs(),
      terminalMs: this.#terminalMs(),
      sessions: said.sessions ?? this.#sessions(),
      watching: either(either(isSounding(this.#streams()), isFilming(this.#cameras())), said.watching),
      ownerCores: this.#cores(),
      memoryStall: pressure === undefined ? undefined : memoryStallIn(pressure),
      onBattery: either(onBattery(this.#supplies()), said.onBattery),
      lidClosed: either(closed, said.lidClosed),
      leaving: said.leaving,
    };
  }

  close(): void {
    this.#input.close();
  }

  /** A terminal's age of access moves when its program reads, in steps of some seconds. */
  #terminalMs(): number | undefined {
    const lines = [
      ...this.#names('dev/pts').map((name) => `dev/pts/${name}`),
      ...this.#names('dev').flatMap((name) => (/^tty[1-9]\d?$/.test(name) ? [`dev/${name}`] : [])),
    ].filter((path) => !path.endsWith('ptmx'));
    const ages = lines.flatMap((path) => {
      try {
        return [Math.max(0, this.#clock.now() - statSync(join(this.#root, path)).atimeMs)];
      } catch {
        return [];
      }
    });
    return ages.length === 0 ? undefined : Math.min(...ages);
  }

  #sessions(): Readings['sessions'] {
    try {
      return sessionsIn(readFileSync(join(this.#root, 'run/utmp')), this.#clock.now());
    } catch {
      return undefined;
    }
  }

  #cores(): number | undefined {
    const usage = usageIn(this.#text('sys/fs/cgroup/user.slice/cpu.stat') ?? '');
    return usage === undefined ? undefined : this.#ownerCores.add(this.#clock.monotonic(), usage);
  }

  #supplies(): Supply[] {
    const folder = 'sys/class/power_supply';
    return this.#names(folder).map((name) => {
      const field = (file: string): string | undefined => this.#text(`${folder}/${name}/${file}`)?.trim();
      return { type: field('type') ?? '', scope: field('scope'), online: field('online'), status: field('status') };
    });
  }

  #streams(): (string | undefined)[] {
    const below = (folder: string, names: RegExp): string[] =>
      this.#names(folder).flatMap((name) => (names.test(name) ? [`${folder}/${name}`] : []));
    return below('proc/asound', /^card\d+$/)
      .flatMap((card) => below(card, /^pcm\d+[pc]$/))
      .flatMap((device) => below(device, /^sub\d+$/))
      .map((stream) => this.#text(`${stream}/status`));
  }

  #cameras(): CameraPower[] {
    const folder = 'sys/class/video4linux';
    return this.#names(folder).map((name) => {
      // Two steps up from here is not where the text says, as `device` points elsewhere.
      const power = (file: string): string | undefined =>
        textIn(`${this.#root}/${folder}/${name}/device/${file}`)?.trim();
      return {
        interface: power('power/runtime_status'),
        device: power('../power/runtime_status'),
        control: power('../power/control'),
      };
    });
  }

  #text(path: string): string | undefined {
    return textIn(join(this.#root, path));
  }

  #names(path: string): string[] {
    try {
      return readdirSync(join(this.#root, path));
    } catch {
      return [];
    }
  }
}

function textIn(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
