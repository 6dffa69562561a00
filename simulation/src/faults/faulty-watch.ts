// A watch on which things go wrong: it breaks, its position is too old, events come late or twice.
// Promises: late events stay in order among those of their watch; none is told after the watch has ended.

import type { Clock, Timer } from '@idlewild/operator/kube/clock.ts';
import { errorFromResponse, type KubeError } from '@idlewild/operator/kube/errors.ts';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import type { Faults } from './faulty-transport.ts';

type Watch = NonNullable<Transport['watch']>;
type Event = Parameters<Parameters<Watch>[0]['onEvent']>[0];

const latestMs = 3_000;

export async function faultyWatch(
  faults: Faults,
  watch: Watch,
  request: Parameters<Watch>[0],
  clock: Clock,
): Promise<void> {
  const { path, signal, onEvent } = request;
  if (faults.strikes('resetBefore')) throw faults.reset('GET', path);
  if (faults.strikes('expiredWatch')) throw tooOld(path);
  const end = new AbortController();
  const waiting: Event[] = [];
  let failure: unknown;
  let timer: Timer | undefined;
  const fail = (error: unknown): void => {
    failure ??= error;
    end.abort();
  };
  const tell = (event: Event): void => {
    if (end.signal.aborted || signal.aborted) return;
    try {
      onEvent(event);
      if (faults.strikes('duplicated')) onEvent(event);
    } catch (error) {
      fail(error);
    }
    if (faults.strikes('brokenWatch')) fail(faults.reset('GET', path));
    else if (faults.strikes('expiredWatch')) fail(tooOld(path));
  };
  const flush = (): void => {
    timer = undefined;
    for (const event of waiting.splice(0)) tell(event);
  };
  const late = (event: Event): void => {
    const isLate = faults.strikes('delayed');
    if (!isLate && waiting.length === 0) {
      tell(event);
      return;
    }
    waiting.push(event);
    if (isLate && timer === undefined) timer = clock.setTimeout(flush, faults.lagMs(latestMs));
  };
  try {
    await watch({ ...request, onEvent: late, signal: AbortSignal.any([signal, end.signal]) });
    flush();
  } catch (error) {
    throw failure ?? error;
  } finally {
    timer?.cancel();
  }
  if (failure !== undefined) throw failure as Error;
}

function tooOld(path: string): KubeError {
  const body = { kind: 'Status', status: 'Failure', reason: 'Expired', message: 'too old resource version', code: 410 };
  return errorFromResponse(`GET ${path}`, 410, body, undefined, 0);
}
