// What a look at the cluster finds, and what could be seen at all. Plain data.

export interface Finding {
  /** What was looked at, in a few words. */
  readonly check: string;
  /**
   * `fail`: jobs would not run, or not as promised; `warn`: they run, and less well; `unknown`: who asks may not look.
   */
  readonly level: 'ok' | 'warn' | 'fail' | 'unknown';
  readonly words: string;
  /** What to do; absent when all is well. */
  readonly remedy?: string;
}

export type Verdict = Omit<Finding, 'check'>;

/** `absent`: the cluster has no such thing; `unknown`: it could not be asked, and why. */
export type Seen<T> =
  | { readonly kind: 'seen'; readonly value: T }
  | { readonly kind: 'absent' }
  | { readonly kind: 'unknown'; readonly why: string };

export const seen = <T>(value: T): Seen<T> => ({ kind: 'seen', value });

export const ok = (words: string): Verdict => ({ level: 'ok', words });
export const warn = (words: string, remedy: string): Verdict => ({ level: 'warn', words, remedy });
export const fail = (words: string, remedy: string): Verdict => ({ level: 'fail', words, remedy });

/** Judges what was seen. */
export function judged<T>(what: Seen<T>, whenAbsent: Verdict, look: (value: T) => Verdict): Verdict {
  switch (what.kind) {
    case 'seen':
      return look(what.value);
    case 'absent':
      return whenAbsent;
    case 'unknown':
      return { level: 'unknown', words: what.why, remedy: 'ask again as somebody who may' };
  }
}

/** "pc-1, pc-2 and 7 more". */
export function named(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).join(', ');
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}
