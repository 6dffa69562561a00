// The death of an operator at a write: what the server has carried out then, and that nothing follows.
import { describe, expect, it } from '@jest/globals';
import type { Transport } from '@idlewild/operator/kube/transport.ts';
import { mortal, type Death } from './mortal-transport.ts';

/** Writes `names` one after another, until one fails; says what the server has got. */
async function write(names: readonly string[], death: Death): Promise<{ done: string[]; dead: boolean; told: number }> {
  const done: string[] = [];
  const server: Transport = {
    server: 'memory:',
    request: ({ path }) => {
      if (path === '/refused') return Promise.reject(new Error('refused'));
      done.push(path);
      return Promise.resolve({ status: 200, headers: {}, body: {} });
    },
    stream: () => Promise.reject(new Error('none')),
    close: () => Promise.resolve(),
  };
  const { transport, dead } = mortal(server, death);
  let told = 0;
  for (const name of names) {
    const method = name === '/read' ? 'GET' : 'POST';
    await transport.request({ method, path: name }).then(
      () => told++,
      () => undefined,
    );
  }
  return { done, dead: dead.aborted, told };
}

describe('a mortal transport', () => {
  it.each<[string, Death, readonly string[], readonly string[], number]>([
    ['before a write', { write: 2, when: 'before' }, ['/a', '/b', '/c'], ['/a'], 1],
    ['after a write', { write: 2, when: 'after' }, ['/a', '/b', '/c'], ['/a', '/b'], 1],
    [
      'not at reads and events',
      { write: 2, when: 'before' },
      ['/read', '/events', '/a', '/b'],
      ['/read', '/events', '/a'],
      3,
    ],
    [
      'after a write that was carried out',
      { write: 2, when: 'after', carriedOut: true },
      ['/refused', '/a', '/refused', '/b', '/c'],
      ['/a', '/b'],
      1,
    ],
  ])('dies %s', async (_name, death, names, done, told) => {
    expect(await write(names, death)).toEqual({ done, dead: true, told });
  });
});
