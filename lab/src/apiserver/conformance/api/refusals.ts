// What a refusal must look like, for the tables of the conformance tests. Judges only what clients can rely on: the code, the
// reason, the meaningful part of the message and the causes.
import { expect } from '@jest/globals';
import type { Answer } from './subject.ts';

export interface Refusal {
  readonly code: number;
  /** '' where Kubernetes gives none. */
  readonly reason: string;
  /** A part of the message, or a pattern of it. */
  readonly message: string | RegExp;
  /** Fields (and reasons) that the causes name, in any order. */
  readonly causes?: readonly { readonly field?: string; readonly reason?: string }[];
}

/** Of an object that is not there. */
export const missing: Refusal = { code: 404, reason: 'NotFound', message: 'not found' };

/** Fails unless the answer is a Status that says so. */
export function expectRefusal(answer: Answer, { code, reason, message, causes }: Refusal): void {
  const { body } = answer;
  const text = typeof message === 'string' ? expect.stringContaining(message) : expect.stringMatching(message);
  expect({ ...body, http: answer.status, reason: body.reason ?? '' }).toMatchObject({
    kind: 'Status',
    apiVersion: 'v1',
    status: 'Failure',
    http: code,
    code,
    reason,
    message: text,
  });
  if (causes !== undefined) {
    expect(body.details?.causes).toEqual(expect.arrayContaining(causes.map((cause) => expect.objectContaining(cause))));
  }
}
