// Which guests were lost although nothing befell their machine.
// Promises: pure. A job that goes on to a later attempt has lost the one before it; that is explained only by an event that
// befell the machine of that attempt while it was there.

export interface Loss {
  readonly job: string;
  readonly attempt: number;
  readonly machine: string;
  /** When the next attempt was seen, seconds. */
  readonly at: number;
}

interface Standing {
  readonly attempt: number;
  readonly machine: string;
  readonly since: number;
}

interface Blow {
  readonly machine: string;
  readonly from: number;
  to: number;
}

export class Losses {
  readonly #standings = new Map<string, Standing>();
  readonly #blows: Blow[] = [];
  #unexplained: Loss[] = [];

  /** Something befalls the machines that costs them their guests. @returns what says that they are as before. */
  strike(machines: readonly string[], at: number): (at: number) => void {
    const blows = machines.map((machine): Blow => ({ machine, from: at, to: Number.POSITIVE_INFINITY }));
    this.#blows.push(...blows);
    return (to) => {
      for (const blow of blows) blow.to = to;
    };
  }

  /** The newest attempt of a job, as it is seen now and again. */
  saw(job: string, attempt: number, machine: string, at: number): void {
    const before = this.#standings.get(job);
    if (before?.attempt === attempt && before.machine === machine) return;
    this.#standings.set(job, { attempt, machine, since: at });
    if (before === undefined || attempt <= before.attempt) return;
    const explained = this.#blows.some(
      (blow) => blow.machine === before.machine && blow.from <= at && blow.to >= before.since,
    );
    if (!explained) this.#unexplained.push({ job, attempt: before.attempt, machine: before.machine, at });
  }

  /** What was lost for nothing since this was last asked, of one job or of all. */
  take(job?: string): Loss[] {
    const taken = this.#unexplained.filter((loss) => job === undefined || loss.job === job);
    this.#unexplained = this.#unexplained.filter((loss) => !taken.includes(loss));
    return taken;
  }
}
