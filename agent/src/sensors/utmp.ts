// Who is logged in, by the file of logins that Linux programs keep (utmp(5)); where logind can be asked, it knows more.
// Promises: pure. A machine without the file is unknown, never empty: newer distributions have none.

import type { Session } from '../presence/readings.ts';

const recordBytes = 384;
const userProcess = 7;
const offsets = { type: 0, line: 8, id: 40, user: 44, host: 76, seconds: 340 } as const;

/** @param nowMs ms since the epoch. */
export function sessionsIn(utmp: Buffer, nowMs: number): Session[] {
  const sessions: Session[] = [];
  for (let at = 0; at + recordBytes <= utmp.length; at += recordBytes) {
    const record = utmp.subarray(at, at + recordBytes);
    if (record.readInt16LE(offsets.type) !== userProcess) continue;
    const line = textAt(record, offsets.line, 32);
    const host = textAt(record, offsets.host, 256);
    const graphical = host.startsWith(':') || line.startsWith(':');
    sessions.push({
      id: line,
      isUser: textAt(record, offsets.user, 32) !== '',
      graphical,
      remote: host !== '' && !graphical,
      // What utmp does not know is taken for the owner's good.
      active: true,
      locked: false,
      ageMs: Math.max(0, nowMs - record.readUInt32LE(offsets.seconds) * 1000),
    });
  }
  return sessions;
}

function textAt(record: Buffer, at: number, length: number): string {
  const field = record.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('utf8', 0, end < 0 ? length : end);
}
