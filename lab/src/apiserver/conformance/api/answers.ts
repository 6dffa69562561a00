// What an API server answers, as the conformance tests read it. Promises: an answer that is no JSON has a body without anything,
// so that a test fails with what it expected. Judges nothing but whether the server had time for the request.

export interface Status {
  readonly kind?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: Record<string, unknown> & { readonly causes?: readonly Record<string, unknown>[] };
}

export interface Metadata extends Record<string, unknown> {
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly generation?: number;
  readonly continue?: string;
  readonly remainingItemCount?: number;
  readonly finalizers?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly managedFields?: readonly ManagedField[];
}

export interface ManagedField {
  readonly manager: string;
  readonly operation: string;
  readonly subresource?: string;
  readonly fieldsV1: Record<string, unknown>;
}

/** What any answer may hold; a test reads what it expects. */
export interface Body extends Status {
  readonly metadata: Metadata;
  readonly items: readonly Body[];
  readonly spec: Record<string, unknown>;
  readonly status: Record<string, unknown>;
  readonly [field: string]: unknown;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly body: Body;
}

const nothing: Body = { metadata: { name: '', uid: '', resourceVersion: '' }, items: [], spec: {}, status: {} };

/** Whether the server could not look at the request yet: its queues are full, or a cache is being filled. */
export function isBusy({ status, text }: Answer): boolean {
  return status === 429 && (text.startsWith('Too many requests') || text.includes('storage is (re)initializing'));
}

/** Of the text of an answer; some refusals are plain text, of which nothing is in the body. */
export function bodyOf(text: string): Body {
  try {
    return { ...nothing, ...(JSON.parse(text) as object) };
  } catch {
    // Some refusals are plain text, which `text` holds.
    return nothing;
  }
}
