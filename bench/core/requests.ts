// What a write to the API server is for, told from the request alone, and the form in which requests are kept.
// Promises: cheap enough to be asked within a measured process; knows nothing of who sent the request.

/** What the operator's writes are; `other` is anything that this list does not foresee. */
export type WriteKind =
  'claim' | 'start' | 'end' | 'waiting' | 'status' | 'secret' | 'vm' | 'vm-change' | 'event' | 'other';

export interface RecordedWrite {
  readonly kind: WriteKind;
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly contentType?: string | undefined;
  readonly body?: string | undefined;
  /** Milliseconds since the epoch, with fractions. */
  readonly sentAt: number;
  /** Undefined when no answer came. */
  readonly answeredAt?: number | undefined;
  /** 0 when no answer came. */
  readonly status: number;
}

export function isWrite(method: string): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/** A claim is the only write of a status that says which attempt is the current one. */
export function kindOf(method: string, path: string, body: Buffer | undefined): WriteKind {
  if (path.includes('/events')) return 'event';
  if (path.includes('/computejobs/')) {
    if (body?.includes('"attempt":')) return 'claim';
    if (body?.includes('"finishTime":')) return 'end';
    if (body?.includes('"startTime":')) return 'start';
    if (body?.includes('"waiting":{')) return 'waiting';
    return 'status';
  }
  if (path.includes('/secrets')) return method === 'POST' ? 'secret' : 'other';
  if (path.includes('/virtualmachines')) return method === 'POST' ? 'vm' : 'vm-change';
  return 'other';
}

/** The job whose objects a write touches, by the names that attempts give theirs: JOB, JOB-N, JOB-N-cloudinit, JOB.ID for events. */
export function jobOf({ path, body, method }: Pick<RecordedWrite, 'path' | 'body' | 'method'>): string | undefined {
  const inPath = /\/(?:computejobs|virtualmachines|secrets|events)\/([^/?]+)/.exec(path)?.[1];
  const name = inPath ?? (method === 'POST' ? nameIn(body) : undefined);
  return name === undefined ? undefined : /^(job-\d+)(?=$|[-.])/.exec(name)?.[1];
}

function nameIn(body: string | undefined): string | undefined {
  const parsed = body === undefined ? undefined : (JSON.parse(body) as { metadata?: { name?: string } });
  return parsed?.metadata?.name;
}

/** The most requests that were under way at one time. */
export function peakInFlight(writes: readonly Pick<RecordedWrite, 'sentAt' | 'answeredAt'>[]): number {
  const steps = writes.flatMap(({ sentAt, answeredAt = sentAt }): [number, number][] => [
    [sentAt, 1],
    [answeredAt, -1],
  ]);
  steps.sort(([a, up], [b, down]) => a - b || up - down);
  let now = 0;
  let most = 0;
  for (const [, change] of steps) most = Math.max(most, (now += change));
  return most;
}
