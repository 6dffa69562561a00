// Machines that fit one kind of job, best first, while a pass gives them away one after the other.
// Promises: pure but for its own memory of one pass; a claim costs O(log machines), since within a pass a machine only gets
// fuller and so its score only falls.

import type { Machine } from '../model/machine.ts';
import { Heap } from '../queue/heap.ts';
import { pointsOf, scoreOf, type Ranked, type ScoreContext, type Scored } from './score.ts';
import type { RequirementClass, Verdicts } from './verdicts.ts';

export class Candidates {
  readonly #verdicts: Verdicts;
  readonly #class: RequirementClass;
  readonly #image: string;
  readonly #context: ScoreContext;
  readonly #heap: Heap<Scored>;

  constructor(verdicts: Verdicts, of: RequirementClass, image: string, context: ScoreContext) {
    this.#verdicts = verdicts;
    this.#class = of;
    this.#image = image;
    this.#context = context;
    const scored: Scored[] = [];
    for (const machine of verdicts.fitting(of)) scored.push(this.#scoredNow(machine));
    this.#heap = new Heap(isBetter, scored);
  }

  /** A machine with the score that it has at this moment of the pass. */
  static rankedNow(verdicts: Verdicts, machine: Machine, image: string, context: ScoreContext): Ranked {
    return scoreOf(machine, verdicts.freeOn(machine.name), image, context);
  }

  /** The best machines that are allowed, at most `count`, best first. */
  best(count: number, allowed: (machine: string) => boolean): Ranked[] {
    const found: Scored[] = [];
    const aside: Scored[] = [];
    while (found.length < count) {
      const first = this.#heap.pop();
      if (!first) break;
      const { name } = first.machine;
      if (!this.#verdicts.fits(this.#class, name)) continue;
      const now = this.#scoredNow(first.machine);
      if (now.score < first.score) {
        this.#heap.push(now);
        continue;
      }
      (allowed(name) ? found : aside).push(now);
    }
    for (const each of [...found, ...aside]) this.#heap.push(each);
    return found.map(({ machine }) => Candidates.rankedNow(this.#verdicts, machine, this.#image, this.#context));
  }

  #scoredNow(machine: Machine): Scored {
    return { machine, score: pointsOf(machine, this.#verdicts.freeOn(machine.name), this.#image, this.#context) };
  }
}

/** Equal scores go to the machine that has been lending longest, then to the first by name. */
function isBetter(a: Scored, b: Scored): boolean {
  if (a.score !== b.score) return a.score > b.score;
  const [sinceA, sinceB] = [a.machine.sinceMs ?? Infinity, b.machine.sinceMs ?? Infinity];
  return sinceA !== sinceB ? sinceA < sinceB : a.machine.name < b.machine.name;
}
