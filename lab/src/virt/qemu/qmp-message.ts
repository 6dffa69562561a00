// The QEMU Machine Protocol on the wire: one JSON object a line. Pure.

export interface QmpEvent {
  readonly name: string;
  readonly data: Readonly<Record<string, unknown>>;
  /** When QEMU saw it, ms since the epoch. */
  readonly atMs: number;
}

export type QmpMessage =
  | { readonly kind: 'greeting'; readonly version: string }
  | { readonly kind: 'return'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly errorClass: string; readonly message: string }
  | { readonly kind: 'event'; readonly event: QmpEvent };

/** Reads one line. Throws on anything that is not the protocol. */
export function parseQmpLine(line: string): QmpMessage {
  const json = record(JSON.parse(line));
  if ('QMP' in json) {
    const version = record(record(record(json['QMP'])['version'])['qemu']);
    return { kind: 'greeting', version: [version['major'], version['minor'], version['micro']].join('.') };
  }
  if (typeof json['event'] === 'string') {
    const { seconds, microseconds } = record(json['timestamp']) as { seconds: number; microseconds: number };
    const atMs = seconds * 1000 + Math.round(microseconds / 1000);
    return { kind: 'event', event: { name: json['event'], data: record(json['data'] ?? {}), atMs } };
  }
  const id = Number(json['id']);
  if ('return' in json) return { kind: 'return', id, value: json['return'] };
  if ('error' in json) {
    const error = record(json['error']);
    return { kind: 'error', id, errorClass: String(error['class']), message: String(error['desc']) };
  }
  throw new Error(`not a QMP message: ${line}`);
}

/** Splits a stream of text into lines; keeps what is unfinished for the next chunk. */
export class LineSplitter {
  #rest = '';

  push(chunk: string): string[] {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.map((line) => line.trim()).filter((line) => line !== '');
  }
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new Error(`not a QMP message: expected an object, got ${JSON.stringify(value)}`);
}
