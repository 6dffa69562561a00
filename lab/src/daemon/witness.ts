// What guests say on their second serial line, in one log of the whole lab: who of them ran when.
// Promises: a line is only ever added, with the moment at which it arrived; the lines of all machines have one order. It hears
// a guest past its machine, whose process may stand still or be cut off: a guest falls silent only when its processor stands.
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import net from 'node:net';
import { createInterface } from 'node:readline';

const longestLine = 200;

export class Witness {
  readonly #fd: number;
  readonly #servers: net.Server[] = [];
  readonly #guests = new Set<net.Socket>();

  /** @param file gets lines of "<seconds of CLOCK_MONOTONIC> <machine> <what the guest said>". */
  constructor(file: string) {
    this.#fd = openSync(file, 'a', 0o600);
  }

  /** Hears the guests of one machine, each over its own connection. */
  async listen(socket: string, machine: string): Promise<void> {
    rmSync(socket, { force: true });
    const server = net.createServer((guest) => {
      this.#guests.add(guest);
      guest.once('close', () => this.#guests.delete(guest));
      guest.on('error', () => guest.destroy());
      createInterface({ input: guest }).on('line', (line) => this.#add(machine, line));
    });
    this.#servers.push(server);
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socket, resolve));
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const guest of this.#guests) guest.destroy();
    closeSync(this.#fd);
  }

  #add(machine: string, line: string): void {
    const seconds = Number(process.hrtime.bigint() / 1_000_000n) / 1_000;
    const text = line.trim().slice(0, longestLine);
    if (text !== '') writeSync(this.#fd, `${seconds.toFixed(3)} ${machine} ${text}\n`);
  }
}
