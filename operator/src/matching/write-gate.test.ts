// What is on its way to the API server, and what becomes of failures.
import { describe, expect, it } from '@jest/globals';
import { KubeError, type KubeErrorKind } from '../kube/errors.ts';
import { Troubles, troubleOf } from './trouble.ts';
import { WriteGate, type WriteKind } from './write-gate.ts';

/** A gate whose acts end when the test says so. */
function gateOf(inFlight: number) {
  const under: { name: string; end: (error?: Error) => void }[] = [];
  const failed: string[] = [];
  const done: string[] = [];
  const gate = new WriteGate({
    inFlight,
    onError: (key, kind) => failed.push(`${kind} ${key}`),
    onDone: (key) => done.push(key),
  });
  const put = (key: string, kind: WriteKind, name = `${kind} ${key}`): void =>
    gate.put(
      key,
      kind,
      () => new Promise((resolve, reject) => under.push({ name, end: (error) => (error ? reject(error) : resolve()) })),
    );
  const end = async (name: string, error?: Error): Promise<void> => {
    const index = under.findIndex((each) => each.name === name);
    under.splice(index, 1)[0]?.end(error);
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { gate, put, end, failed, done, names: () => under.map(({ name }) => name) };
}

describe('the gate', () => {
  it('lets a few writes go at a time, and claims before words', async () => {
    const { put, end, names } = gateOf(2);
    put('a', 'words');
    put('b', 'words');
    put('c', 'words');
    put('d', 'claim');
    expect(names()).toEqual(['words a', 'words b']);
    await end('words a');
    expect(names()).toEqual(['words b', 'claim d']);
    await end('words b');
    expect(names()).toEqual(['claim d', 'words c']);
  });

  it('never writes one job twice at a time', async () => {
    const { put, end, names } = gateOf(16);
    put('a', 'words');
    put('a', 'claim');
    expect(names()).toEqual(['words a']);
    await end('words a');
    expect(names()).toEqual(['claim a']);
  });

  it('drops words that have not been sent when a claim comes, and words that come after a claim', async () => {
    const { put, end, names, gate } = gateOf(1);
    put('x', 'words');
    put('a', 'words', 'stale');
    put('a', 'claim');
    put('a', 'words', 'late');
    await end('words x');
    expect(names()).toEqual(['claim a']);
    await end('claim a');
    expect([names(), gate.size]).toEqual([[], 0]);
  });

  it('tells of a failure, and goes on with the others', async () => {
    const { put, end, names, failed, done } = gateOf(1);
    put('a', 'claim');
    put('b', 'claim');
    await end('claim a', new Error('no'));
    expect([failed, done, names()]).toEqual([['claim a'], ['a'], ['claim b']]);
  });

  it('waits at its end for what is under way, and sends nothing more', async () => {
    const { put, end, names, gate } = gateOf(1);
    put('a', 'claim');
    put('b', 'claim');
    let closed = false;
    const closing = gate.close().then(() => (closed = true));
    await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(false);
    await end('claim a');
    await closing;
    expect(names()).toEqual([]);
  });
});

describe('a failure', () => {
  const error = (kind: KubeErrorKind, retryAfterMs?: number): KubeError =>
    new KubeError(kind, { kind, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });

  it.each<[KubeErrorKind, 'changed' | 'refused' | 'server']>([
    ['conflict', 'changed'],
    ['notFound', 'changed'],
    ['invalid', 'refused'],
    ['badRequest', 'refused'],
    ['forbidden', 'refused'],
    ['throttled', 'server'],
    ['server', 'server'],
    ['network', 'server'],
    ['timeout', 'server'],
  ])('of kind %s means "%s"', (kind, trouble) => {
    expect(troubleOf(error(kind))).toBe(trouble);
  });

  it('that will come again rests the job for longer and longer, and nobody else', () => {
    const troubles = new Troubles();
    const pauses = Array.from({ length: 9 }, () => {
      troubles.failed('a', error('invalid'), 0, '1');
      return troubles.untilOf('a', 0);
    });
    expect(pauses).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300].map((seconds) => seconds * 1000));
    expect([troubles.untilOf('b', 0), troubles.serverUntil(0)]).toEqual([undefined, undefined]);
  });

  it('because the job had changed is over when the change is seen', () => {
    const troubles = new Troubles();
    troubles.failed('a', error('conflict'), 0, '1');
    // Looking again at what is known already must not make us try again at once: the watch may be far behind.
    troubles.seen('a', '1');
    expect(troubles.untilOf('a', 0)).toBe(20);
    troubles.seen('a', '2');
    expect(troubles.untilOf('a', 0)).toBeUndefined();
  });

  it('of the server rests everything, at least for as long as the server asked, until a write succeeds', () => {
    const troubles = new Troubles();
    troubles.failed('a', error('throttled', 7_000), 0, '1');
    expect([troubles.serverUntil(0), troubles.serverUntil(7_000)]).toEqual([7_000, undefined]);
    troubles.succeeded('b');
    expect(troubles.serverUntil(0)).toBeUndefined();
  });
});
