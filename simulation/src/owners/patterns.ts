// Owners as they are in a lab: offices with people of habit, teaching rooms with a timetable, and machines that nobody owns.
// Promises: seeded; a day of one machine depends on the seed, the machine and the day alone. Times of day are the lab's own.

import type { Random } from '../world/random.ts';
import { dayMs, hourMs, joined, type Owners, type Visit } from './visit.ts';

export type RoomKind = 'office' | 'teaching' | 'dedicated';

export interface OwnedMachine {
  readonly name: string;
  readonly room: string;
  readonly kind: RoomKind;
}

/** What one person does day after day. Hours of the day. */
interface Habits {
  readonly arrives: number;
  readonly leaves: number;
  readonly lunchAt: number;
  /** Of working days on which the person does not come at all. */
  readonly awayShare: number;
  readonly weekendShare: number;
  /** Leaves the desk so often a day for a meeting or a coffee. */
  readonly breaks: number;
}

/** Lessons of a teaching room, [day of the week, first hour]. */
type Timetable = ReadonlySet<string>;

const lessonStarts = [8.25, 10.25, 13.25, 15.25, 17.25];
const lessonHours = 1.5;

export class PatternOwners implements Owners {
  readonly #random: Random;
  readonly #machines: ReadonlyMap<string, OwnedMachine>;
  readonly #habits = new Map<string, Habits>();
  readonly #timetables = new Map<string, Timetable>();

  constructor(random: Random, machines: readonly OwnedMachine[]) {
    this.#random = random;
    this.#machines = new Map(machines.map((machine) => [machine.name, machine]));
  }

  visitsOn(name: string, day: number): readonly Visit[] {
    const machine = this.#machines.get(name);
    if (!machine || machine.kind === 'dedicated') return [];
    const random = this.#random.fork(`${name}/${day}`);
    const hours = machine.kind === 'office' ? this.#officeDay(name, day, random) : this.#lessons(machine, day, random);
    return joined(
      hours.map(([from, to]) => ({ fromMs: day * dayMs + from * hourMs, toMs: day * dayMs + to * hourMs })),
    );
  }

  #officeDay(name: string, day: number, random: Random): [number, number][] {
    const habits = this.#habitsOf(name);
    const weekend = day % 7 >= 5;
    if (random.chance(weekend ? 1 - habits.weekendShare : habits.awayShare)) return [];
    const arrives = Math.max(0, random.normal(habits.arrives, weekend ? 2 : 0.4));
    const leaves = Math.min(23.9, random.normal(weekend ? arrives + 2 : habits.leaves, 0.7));
    const pauses: [number, number][] = [];
    if (!weekend && random.chance(0.9)) {
      const lunch = random.normal(habits.lunchAt, 0.25);
      pauses.push([lunch, lunch + random.between(0.4, 1.1)]);
    }
    for (let count = 0; count < habits.breaks; count++) {
      const at = random.between(arrives, leaves);
      pauses.push([at, at + random.between(0.1, 1.2)]);
    }
    return without([arrives, leaves], pauses);
  }

  #lessons({ room }: OwnedMachine, day: number, random: Random): [number, number][] {
    const weekday = day % 7;
    const hours: [number, number][] = [];
    const timetable = this.#timetableOf(room);
    // How full a course is, is a matter of the course, not of the single desk.
    const course = this.#random.fork(`course/${room}/${day}`);
    for (const start of lessonStarts) {
      const attendance = course.between(0.5, 0.95);
      if (!timetable.has(`${weekday}/${start}`) || !random.chance(attendance)) continue;
      const late = Math.max(-0.1, random.normal(0.03, 0.05));
      hours.push([start + late, start + lessonHours + random.between(-0.2, 0.1)]);
    }
    // Students who come in between, fewer at night and at weekends.
    const visits = weekday < 5 ? 1.2 : 0.15;
    for (let at = 8 + random.exponential(14 / visits); at < 22; at += random.exponential(14 / visits)) {
      hours.push([at, Math.min(22.5, at + random.logNormal(0.5, 0.8))]);
    }
    return hours;
  }

  #habitsOf(name: string): Habits {
    let habits = this.#habits.get(name);
    if (!habits) {
      const random = this.#random.fork(`habits/${name}`);
      const arrives = random.normal(9, 0.9);
      habits = {
        arrives,
        leaves: Math.max(arrives + 3, random.normal(17.5, 1.2)),
        lunchAt: random.normal(12.25, 0.5),
        awayShare: random.pick([0.05, 0.1, 0.25, 0.45]),
        weekendShare: random.pick([0, 0, 0.02, 0.2]),
        breaks: random.whole(0, 4),
      };
      this.#habits.set(name, habits);
    }
    return habits;
  }

  #timetableOf(room: string): Timetable {
    let timetable = this.#timetables.get(room);
    if (!timetable) {
      const random = this.#random.fork(`timetable/${room}`);
      const lessons = new Set<string>();
      for (let weekday = 0; weekday < 5; weekday++) {
        for (const start of lessonStarts) {
          // Nobody likes late lessons, least of all on Friday.
          const likely = start > 17 ? 0.15 : weekday === 4 && start > 14 ? 0.2 : 0.55;
          if (random.chance(likely)) lessons.add(`${weekday}/${start}`);
        }
      }
      timetable = lessons;
      this.#timetables.set(room, timetable);
    }
    return timetable;
  }
}

function without([from, to]: [number, number], pauses: readonly [number, number][]): [number, number][] {
  let parts: [number, number][] = [[from, to]];
  for (const [a, b] of pauses) {
    parts = parts.flatMap(([start, end]): [number, number][] => [
      [start, Math.min(end, a)],
      [Math.max(start, b), end],
    ]);
  }
  return parts.filter(([start, end]) => end - start > 0.01);
}
