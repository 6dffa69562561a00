// Errors as answers: problem details of RFC 9457.
// Promises: every failed request of the API is answered with application/problem+json that says what is wrong in words; what
// went wrong inside is in the log and not in the answer.

import type { NextFunction, Request, Response } from 'express';
import type { Logger } from 'pino';

const titles = {
  400: 'Bad request',
  401: 'Not authenticated',
  403: 'Forbidden',
  404: 'Not found',
  405: 'Method not allowed',
  406: 'Not acceptable',
  409: 'Conflict',
  413: 'Too large',
  415: 'Unsupported media type',
  422: 'Invalid',
  429: 'Too many requests',
  500: 'Internal error',
  503: 'Not available',
} as const;

export type ProblemStatus = keyof typeof titles;

/** Which parameter of the request is wrong, and what is allowed. */
export interface ProblemParameter {
  readonly parameter: string;
  readonly message: string;
}

export class Problem extends Error {
  override readonly name = 'Problem';
  readonly status: ProblemStatus;
  readonly parameters: readonly ProblemParameter[];
  readonly headers: Readonly<Record<string, string>>;

  /** @param detail what is wrong, for the one who asked; holds nothing that they may not know. */
  constructor(
    status: ProblemStatus,
    detail: string,
    o: {
      readonly parameters?: readonly ProblemParameter[];
      readonly headers?: Readonly<Record<string, string>>;
      readonly cause?: unknown;
    } = {},
  ) {
    super(detail, o.cause === undefined ? undefined : { cause: o.cause });
    this.status = status;
    this.parameters = o.parameters ?? [];
    this.headers = o.headers ?? {};
  }
}

/** The last of an API's middleware. */
export function answerProblems(log: Logger) {
  return (error: unknown, request: Request, response: Response, next: NextFunction): void => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const problem =
      error instanceof Problem ? error : new Problem(500, 'the request could not be answered', { cause: error });
    if (problem.status >= 500) log.error({ path: request.path, err: problem.cause ?? problem }, 'a request failed');
    response.status(problem.status).set(problem.headers).set('cache-control', 'no-store');
    response.type('application/problem+json').send(
      JSON.stringify({
        type: 'about:blank',
        title: titles[problem.status],
        status: problem.status,
        detail: problem.message,
        instance: request.path,
        ...(problem.parameters.length === 0 ? {} : { parameters: problem.parameters }),
      }),
    );
  };
}
