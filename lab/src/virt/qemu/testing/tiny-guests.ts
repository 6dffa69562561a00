// Real guests for tests: started from the cached image, and always gone at the end of the test file.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { defaultCacheDir, ensureImage } from '../../../images/cache.ts';
import { Guest } from '../guest.ts';
import type { GuestSpec } from '../guest-spec.ts';

/** How long a boot may take on a busy host, ms. */
export const bootTimeoutMs = 60_000;

export class TinyGuests {
  readonly #log = pino({ level: 'silent' });
  readonly #guests: Guest[] = [];
  #folder: string | undefined;

  async spec(id: string, script: string, changes: Partial<GuestSpec> = {}): Promise<GuestSpec> {
    return {
      id,
      image: await ensureImage('lab/tiny', { cacheDir: defaultCacheDir(), log: this.#log }),
      cores: 1,
      memoryMiB: 128,
      disks: [
        { name: 'root', kind: 'root' },
        { name: 'scratch', kind: 'empty', sizeMiB: 64, serial: 'scratch' },
      ],
      seed: { userData: `#!/bin/sh\n${script}\n`, metaData: `{"instance-id":"${id}","local-hostname":"${id}"}` },
      graphics: false,
      network: false,
      accel: 'tcg',
      ...changes,
    };
  }

  async start(spec: GuestSpec, options: { incoming?: boolean } = {}): Promise<Guest> {
    this.#folder ??= await mkdtemp(join(tmpdir(), 'idlewild-qemu-'));
    const dir = join(this.#folder, String(this.#guests.length));
    const guest = await Guest.start(spec, { dir, log: this.#log, ...options });
    this.#guests.push(guest);
    return guest;
  }

  async killAll(): Promise<void> {
    await Promise.all(this.#guests.map((guest) => guest.kill()));
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Collects what a guest prints from now on, and waits for a pattern in it. */
export class Transcript {
  #text = '';
  #changed: () => void = () => undefined;

  constructor(output: NodeJS.ReadableStream) {
    output.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('utf8');
      this.#changed();
    });
  }

  get text(): string {
    return this.#text;
  }

  /** The first match; throws with all that was printed when there is none in time. */
  async until(pattern: RegExp, timeoutMs = bootTimeoutMs): Promise<RegExpExecArray> {
    const deadline = Date.now() + timeoutMs;
    for (;;) {
      const match = pattern.exec(this.#text);
      if (match !== null) return match;
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`${String(pattern)} was not printed within ${timeoutMs} ms, but: ${this.#text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#changed = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }
}
