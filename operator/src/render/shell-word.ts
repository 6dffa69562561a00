// Text as the scripts of guests carry it.
// Promises: pure, and nothing of the text is read by the shell.

/** One word of POSIX shell, whatever `text` holds. */
export function quoted(text: string): string {
  return /^[A-Za-z0-9_./:=-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
