// Where the lab speaks to the person in front of it: notes scroll by, and on a terminal the picture stays below them and is drawn
// again in place. Without a terminal only notes are printed.
import type { WriteStream } from 'node:tty';

const eraseLine = '\x1b[2K';

export class Screen {
  readonly #out: NodeJS.WriteStream | WriteStream;
  #drawn: readonly string[] = [];

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  get live(): boolean {
    return this.#out.isTTY === true;
  }

  get width(): number {
    return this.#out.columns ?? 120;
  }

  note(line: string): void {
    if (!this.live) {
      this.#out.write(`${line}\n`);
      return;
    }
    const picture = this.#drawn;
    this.#erase();
    this.#out.write(`${line}\n`);
    this.#print(picture);
  }

  /** Replaces the picture; does nothing without a terminal, or when nothing has changed. */
  draw(lines: readonly string[]): void {
    if (!this.live || lines.join('\n') === this.#drawn.join('\n')) return;
    this.#erase();
    this.#print(lines);
  }

  #erase(): void {
    if (this.#drawn.length > 0)
      this.#out.write(
        `\x1b[${this.#drawn.length}A${`${eraseLine}\n`.repeat(this.#drawn.length)}\x1b[${this.#drawn.length}A`,
      );
    this.#drawn = [];
  }

  #print(lines: readonly string[]): void {
    // A picture taller than the terminal could not be erased: its end is left out.
    const fitting = lines.slice(0, Math.max(1, (this.#out.rows ?? 50) - 1));
    for (const line of fitting) this.#out.write(`${line}\n`);
    this.#drawn = fitting;
  }
}
