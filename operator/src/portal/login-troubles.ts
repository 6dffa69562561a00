// Why a login by single sign-on did not come about, in words. The address of the login page carries the word on the left only, so that
// nobody can make the page say something by a link.
// Must not import anything: pages carry it too.

export const loginTroubles = {
  lost: 'This login was begun in another window, or too long ago. Begin again.',
  mismatch:
    'The answer belongs to another login than yours. Begin again; if you followed a link here, do not trust it.',
  refused: 'The login service did not let you in, or you stopped there.',
  expired: 'The login took too long, or its answer was used before. Begin again.',
  unsound: 'The login service’s answer could not be verified. Tell the lab’s admin if this happens again.',
  nobody:
    'You are known to the login service, but what it says about you gives no user of this lab. Ask the lab’s admin.',
  tooLong: 'What the login service says about you is too long for a browser to keep. Ask the lab’s admin.',
  down: 'The login service does not answer. Try again in a moment, or log in with a token.',
} as const;

export type LoginTrouble = keyof typeof loginTroubles;
