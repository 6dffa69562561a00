// Whether sound is played or recorded on the machine, from what the kernel says of each stream
// (/proc/asound/card*/pcm*/sub*/status, written by sound/core/pcm.c).
// Promises: pure; sound servers that wait with an open device do not count, for such a stream is prepared but does not run.

/**
 * @param statuses one text for each stream of each card; undefined for one that could not be read.
 * @returns undefined for a machine on which no stream can be read: it may have a card that nobody may look at.
 */
export function isSounding(statuses: readonly (string | undefined)[]): boolean | undefined {
  const known = statuses.filter((text) => text !== undefined);
  if (known.length === 0) return undefined;
  return known.some((text) => /^state: RUNNING$/m.test(text));
}
