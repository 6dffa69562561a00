// Whether the owner is short of memory, so that guests have to leave at once: one that stands still keeps all of its own.
// Promises: pure; with a gap between its beginning and its end, so that it does not flap; unknown is no shortage.

const beginsPercent = 5;
const endsPercent = 1;

/** @param stall percent of the last ten seconds in which everything waited for memory. */
export function isShortOfMemory(before: boolean, stall: number | undefined): boolean {
  return stall !== undefined && stall > (before ? endsPercent : beginsPercent);
}
