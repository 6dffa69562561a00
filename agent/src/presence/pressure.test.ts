// When the owner is short of memory.
import { expect, it } from '@jest/globals';
import { isShortOfMemory } from './pressure.ts';

it.each<[string, boolean, number | undefined, boolean]>([
  ['begins above five percent', false, 5.1, true],
  ['does not begin below', false, 5, false],
  ['lasts down to one', true, 1.1, true],
  ['ends then', true, 1, false],
  ['is not believed of an unknown', true, undefined, false],
])('a shortage of memory %s', (_name, before, stall, after) => {
  expect(isShortOfMemory(before, stall)).toBe(after);
});
