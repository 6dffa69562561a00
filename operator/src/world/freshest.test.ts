// A reader sees the writes of its own process until the watch has caught up.
import { describe, expect, it } from '@jest/globals';
import { FakeClock } from '../kube/clock.ts';
import type { Informer } from '../kube/informer.ts';
import type { KubeObject } from '../kube/object.ts';
import { Store, type Change } from '../kube/store.ts';
import { Freshest } from './freshest.ts';

const version = (resourceVersion: string, uid = 'u'): KubeObject => ({
  metadata: { name: 'a', namespace: 'n', uid, resourceVersion },
});

/** The store and the handlers of an informer, with the watch in the test's hand. */
function setUp(...stored: KubeObject[]) {
  const store = new Store<KubeObject>();
  const handlers: ((change: Change<KubeObject>) => void)[] = [];
  const informer = { store, onChange: (handler: (typeof handlers)[number]) => void handlers.push(handler) };
  const clock = new FakeClock();
  const freshest = new Freshest(informer as unknown as Informer<KubeObject>, clock);
  const tell = (changes: Change<KubeObject>[]) => {
    for (const change of changes) for (const handler of handlers) handler(change);
  };
  for (const object of stored) tell(store.set(object));
  const seen = () => freshest.get('n/a')?.metadata.resourceVersion;
  return {
    freshest,
    clock,
    seen,
    watch: (object: KubeObject) => tell(store.set(object)),
    gone: () => tell(store.remove('n/a')),
  };
}

describe('the freshest object', () => {
  it('is the one that was written, until the watch tells of it', () => {
    const { freshest, seen, watch } = setUp(version('1'));
    freshest.wrote(version('2'));
    expect([seen(), freshest.list().length]).toEqual(['2', 1]);
    watch(version('2'));
    watch(version('3'));
    expect(seen()).toBe('3');
  });

  it('does not fall back when the watch tells of an older write of ours', () => {
    const { freshest, seen, watch } = setUp(version('1'));
    freshest.wrote(version('2'));
    freshest.wrote(version('3'));
    watch(version('2'));
    expect(seen()).toBe('3');
  });

  it('gives way to the write of somebody else', () => {
    const { freshest, seen, watch } = setUp(version('1'));
    freshest.wrote(version('2'));
    watch(version('9'));
    expect(seen()).toBe('9');
  });

  it('is seen before the watch knows that it exists, and not any more once it was deleted', () => {
    const { freshest, seen, watch, gone } = setUp();
    freshest.wrote(version('1'));
    expect([seen(), freshest.list().length]).toEqual(['1', 1]);
    watch(version('1'));
    gone();
    expect([seen(), freshest.list().length]).toEqual([undefined, 0]);
  });

  it('is what the watch says after a conflict, and after half a minute in any case', async () => {
    const { freshest, clock, seen } = setUp(version('1'));
    freshest.wrote(version('2'));
    freshest.forget('n/a');
    expect(seen()).toBe('1');
    freshest.wrote(version('2'));
    await clock.advance(30_000);
    expect(seen()).toBe('1');
  });

  it('is not thrown back by an answer that comes after a later one', () => {
    const { freshest, seen, watch } = setUp(version('1'));
    watch(version('2'));
    freshest.wrote(version('3'));
    freshest.wrote(version('2'));
    expect(seen()).toBe('3');
    watch(version('3'));
    freshest.wrote(version('2'));
    expect(seen()).toBe('3');
  });

  it('does not come back by an answer that was given before it was deleted', () => {
    const { freshest, seen, watch, gone } = setUp();
    watch(version('1'));
    gone();
    freshest.wrote(version('2'));
    expect([seen(), freshest.list()]).toEqual([undefined, []]);
    freshest.wrote(version('5', 'another'));
    expect(seen()).toBe('5');
  });

  it('does not fall back to a version of somebody else that is older than what was read', () => {
    const { freshest, seen, watch } = setUp(version('1'));
    freshest.wrote(version('12'));
    watch(version('9'));
    expect(seen()).toBe('12');
    watch(version('13'));
    expect(seen()).toBe('13');
  });
});
