// Watches the input devices of a machine for a human.
// Promises: devices that come and go are noticed; a device that cannot be opened or read is left out and tried again; no device
// at all is "unknown", never "idle". Reads never block, for Node has only four threads for reads that do.

import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Clock } from '@idlewild/operator/kube/clock.ts';
import { humanDevices, type InputDevice } from './input-devices.ts';
import { movementIn, recordBytes, remember, type InputMemory } from './input-events.ts';

/** How often the kernel's list of devices is read. */
const listEveryMs = 2_000;
const recordsPerRead = 64;

interface Open {
  readonly device: InputDevice;
  readonly fd: number;
}

export class InputSensor {
  readonly #root: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #open = new Map<string, Open>();
  readonly #buffer = Buffer.alloc(recordBytes * recordsPerRead);
  #memory: InputMemory = {};
  #listedMs = Number.NEGATIVE_INFINITY;
  readonly #startedMs: number;

  /** @param root where the machine's file system is, "/" or the mount of the host's. */
  constructor({ root, clock, log }: { root: string; clock: Clock; log: Logger }) {
    this.#root = root;
    this.#clock = clock;
    this.#log = log;
    this.#startedMs = clock.monotonic();
  }

  /** Reads what has come since the last call. @returns ms since the last human input; undefined without any device. */
  poll(): number | undefined {
    const nowMs = this.#clock.monotonic();
    if (nowMs - this.#listedMs >= listEveryMs) {
      this.#listedMs = nowMs;
      this.#list();
    }
    for (const open of [...this.#open.values()]) this.#drain(open, nowMs);
    if (this.#open.size === 0) return undefined;
    // Nobody is known to have touched it before we began to look.
    return nowMs - (this.#memory.lastMs ?? this.#startedMs);
  }

  close(): void {
    for (const node of [...this.#open.keys()]) this.#forget(node);
  }

  #list(): void {
    const devices = new Map(this.#devices().map((device) => [device.node, device]));
    for (const [node, { device }] of [...this.#open]) if (devices.get(node)?.name !== device.name) this.#forget(node);
    for (const [node, device] of devices) {
      if (this.#open.has(node)) continue;
      try {
        const fd = openSync(join(this.#root, 'dev/input', node), constants.O_RDONLY | constants.O_NONBLOCK);
        this.#open.set(node, { device, fd });
        this.#log.info({ node, name: device.name, kind: device.kind }, 'input device');
      } catch (error) {
        // udev sets its rights a moment after the node appears; the next look tries again.
        this.#log.debug({ node, err: error }, 'input device cannot be opened');
      }
    }
  }

  #devices(): InputDevice[] {
    try {
      return humanDevices(readFileSync(join(this.#root, 'proc/bus/input/devices'), 'utf8'));
    } catch (error) {
      this.#log.debug({ err: error }, 'the list of input devices cannot be read');
      return [];
    }
  }

  #drain({ device, fd }: Open, nowMs: number): void {
    for (;;) {
      let length: number;
      try {
        length = readSync(fd, this.#buffer);
      } catch (error) {
        if (codeOf(error) !== 'EAGAIN') this.#forget(device.node);
        return;
      }
      if (length === 0) return;
      this.#memory = remember(this.#memory, device.kind, movementIn(this.#buffer.subarray(0, length)), nowMs);
      if (length < this.#buffer.length) return;
    }
  }

  #forget(node: string): void {
    const open = this.#open.get(node);
    if (!open) return;
    this.#open.delete(node);
    closeSync(open.fd);
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | null)?.code;
}
