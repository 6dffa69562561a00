import { expect, it } from '@jest/globals';
import { imageNameOf } from './guest-image.ts';

it.each([
  ['lab/tiny', 'tiny'],
  ['lab/tiny:latest', 'tiny'],
  ['docker.io/lab/debian:latest', 'debian'],
  ['docker.io/lab/desktop', 'desktop'],
  ['lab/broken', 'broken'],
  ['lab/tiny:v2', undefined],
  ['lab/unknown', undefined],
  ['tiny', undefined],
  ['quay.io/lab/tiny', undefined],
  ['lab/tiny@sha256:00', undefined],
  ['', undefined],
])('takes %p for %p', (reference, name) => {
  expect(imageNameOf(reference)).toBe(name);
});
