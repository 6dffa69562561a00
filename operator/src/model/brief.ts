// Text from outside (KubeVirt, registries, the scheduler, a quota) as it may stand in a status: on one line and of bounded length.
// Promises: pure; whole characters only, no control characters; what is short and plain is returned as it is.

/**
 * At most `longest` UTF-16 units, the last one "…" when something was cut off.
 */
export function brief(text: string, longest: number): string {
  // What lies far behind the cut is not even looked at: the text may be megabytes long.
  const head = text.length > 4 * longest ? text.slice(0, 4 * longest) : text;
  const line = head.replaceAll(/[\p{C}\s]+/gu, ' ').trim();
  if (line.length <= longest) return head.length === text.length ? line : `${cut(line, longest - 1)}…`;
  return `${cut(line, longest - 1)}…`;
}

/** Never between the two halves of one character. */
function cut(line: string, length: number): string {
  const last = line.charCodeAt(length - 1);
  return line.slice(0, last >= 0xd800 && last <= 0xdbff ? length - 1 : length);
}
