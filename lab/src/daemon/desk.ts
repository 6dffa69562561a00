// The desk at a lab machine: a keyboard and somebody who types on it, or nobody.
// Promises: the agent reads what a kernel would show it, through files below the machine's own root; nothing in the agent knows
// that the keyboard is a pipe.
import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

const devices = `I: Bus=0011 Vendor=0001 Product=0001 Version=ab41
N: Name="Keyboard of the lab"
P: Phys=lab/input0
H: Handlers=sysrq kbd event0
B: PROP=0
B: EV=120013
B: KEY=402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe
`;
/** One press of the letter A, in a record of 24 bytes as /dev/input has them. */
const press = ((): Buffer => {
  const record = Buffer.alloc(24);
  record.writeUInt16LE(1, 16);
  record.writeUInt16LE(30, 18);
  record.writeInt32LE(1, 20);
  return record;
})();
const typesEveryMs = 500;

export class Desk {
  readonly #fd: number;
  #typing: NodeJS.Timeout | undefined;

  /** @param host the machine's root, made if it is missing. */
  constructor(host: string) {
    for (const dir of ['dev/input', 'proc/bus/input', 'run']) mkdirSync(join(host, dir), { recursive: true });
    writeFileSync(join(host, 'proc/bus/input/devices'), devices);
    writeFileSync(join(host, 'run/utmp'), '');
    const node = join(host, 'dev/input/event0');
    if (!existsSync(node)) execFileSync('mkfifo', [node]);
    this.#fd = openSync(node, constants.O_RDWR | constants.O_NONBLOCK);
  }

  arrive(): void {
    if (this.#typing !== undefined) return;
    this.#type();
    this.#typing = setInterval(() => this.#type(), typesEveryMs);
  }

  leave(): void {
    clearInterval(this.#typing);
    this.#typing = undefined;
  }

  close(): void {
    this.leave();
    closeSync(this.#fd);
  }

  #type(): void {
    try {
      writeSync(this.#fd, press);
    } catch (error) {
      // Nobody reads: a machine without power or with a frozen agent. Keys that are not read are lost, as they are in reality.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
    }
  }
}
