// Loaded into a measured process before its own program (node --import): answers over the process's IPC channel how much
// it has used, and keeps what it writes to the API server, seen where undici sends it.
// Promises: without being asked it costs a counter per request; what it keeps besides is as the program's start says.
// Must not change what the program does, nor keep it alive.

import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import process from 'node:process';
import { isWrite, kindOf, type RecordedWrite, type WriteKind } from '../core/requests.ts';
import type { Answer, Question, Usage } from '../core/program.ts';

interface Seen {
  readonly kind: WriteKind;
  readonly method: string;
  readonly path: string;
  readonly contentType: string | undefined;
  readonly body: Buffer | undefined;
  readonly sentAt: number;
  answeredAt?: number;
  status: number;
}

/** What undici publishes of a request: lib/core/request.js. */
interface UndiciRequest {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly headers: readonly string[] | string;
}

const keeps = process.env['IDLEWILD_BENCH_KEEP'];
const seen: Seen[] = [];
const answered: Partial<Record<WriteKind, number>> = {};
const open = new WeakMap<object, Seen>();
const now = (): number => performance.timeOrigin + performance.now();

subscribe('undici:request:create', (message) => {
  const { request } = message as { request: UndiciRequest };
  if (!isWrite(request.method)) return;
  const body = Buffer.isBuffer(request.body) ? request.body : undefined;
  const one: Seen = {
    kind: kindOf(request.method, request.path, body),
    method: request.method,
    path: request.path,
    contentType: contentTypeOf(request.headers),
    body: keeps === 'bodies' ? body : undefined,
    sentAt: now(),
    status: 0,
  };
  if (keeps !== 'counts') seen.push(one);
  open.set(request, one);
});
subscribe('undici:request:headers', (message) => {
  const { request, response } = message as { request: object; response: { statusCode: number } };
  const one = open.get(request);
  if (one) one.status = response.statusCode;
});
subscribe('undici:request:trailers', (message) => {
  const one = open.get((message as { request: object }).request);
  if (!one) return;
  one.answeredAt = now();
  if (one.status < 300) answered[one.kind] = (answered[one.kind] ?? 0) + 1;
});

function contentTypeOf(headers: readonly string[] | string): string | undefined {
  const fields = typeof headers === 'string' ? headers.split('\r\n').flatMap((line) => line.split(': ')) : headers;
  const index = fields.findIndex((field) => field.toLowerCase() === 'content-type');
  return index < 0 ? undefined : fields[index + 1];
}

function usage(): Usage {
  const cpu = process.cpuUsage();
  const mib = 1024 * 1024;
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  return {
    cpuMs: (cpu.user + cpu.system) / 1000,
    residentMiB: rss / mib,
    peakMiB: process.resourceUsage().maxRSS / 1024,
    heapMiB: heapUsed / mib,
    committedMiB: heapTotal / mib,
    externalMiB: external / mib,
  };
}

let session: Session | undefined;

async function answer(question: Question): Promise<unknown> {
  switch (question.kind) {
    case 'usage':
      return usage();
    case 'tally':
      return answered;
    case 'save': {
      const writes = seen.map((one): RecordedWrite => ({ ...one, body: one.body?.toString() }));
      writeFileSync(question.file, writes.map((write) => `${JSON.stringify(write)}\n`).join(''));
      return undefined;
    }
    case 'profile':
      session = new Session();
      session.connect();
      await session.post('Profiler.enable');
      await session.post('Profiler.setSamplingInterval', { interval: 500 });
      await session.post('Profiler.start');
      return undefined;
    case 'saveProfile': {
      const stopped = await session?.post('Profiler.stop');
      writeFileSync(question.file, JSON.stringify(stopped?.profile));
      return undefined;
    }
  }
}

process.on('message', (question: Question) => {
  // Programs of the bench have messages of their own.
  if (typeof question.id !== 'number') return;
  void answer(question).then((value) => process.send?.({ id: question.id, value } satisfies Answer));
});
process.channel?.unref();
