// Answers of the subresource API, in the shapes KubeVirt gives them: a Status as JSON, or plain text where KubeVirt has no better.
// Pure.
export interface Answer {
  readonly status: number;
  readonly type?: 'application/json' | 'text/plain; charset=utf-8' | (string & {});
  readonly body: string | Buffer;
}

export type Subject = 'virtualmachine' | 'virtualmachineinstance';

function statusAnswer(code: number, message: string, more: object = {}): Answer {
  const body = { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, ...more, code };
  return { status: code, type: 'application/json', body: JSON.stringify(body) };
}

function details(kind: Subject, name: string): object {
  return { details: { name, group: 'kubevirt.io', kind } };
}

/** 202 with nothing to say: the work goes on behind. */
export const accepted: Answer = { status: 202, body: '' };
export const done: Answer = { status: 200, body: '' };

export function badRequest(message: string): Answer {
  return statusAnswer(400, message, { reason: 'BadRequest' });
}

export function notFound(kind: Subject, name: string): Answer {
  return statusAnswer(404, `${kind}.kubevirt.io "${name}" not found`, { reason: 'NotFound', ...details(kind, name) });
}

export function conflict(kind: Subject, name: string, message: string): Answer {
  const text = `Operation cannot be fulfilled on ${kind}.kubevirt.io "${name}": ${message}`;
  return statusAnswer(409, text, { reason: 'Conflict', ...details(kind, name) });
}

export function internalError(message: string): Answer {
  const reason = { reason: 'InternalError', details: { causes: [{ message }] } };
  return statusAnswer(500, `Internal error occurred: ${message}`, reason);
}

export function plain(status: number, body: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', body };
}

export function json(value: unknown): Answer {
  return { status: 200, type: 'application/json', body: JSON.stringify(value) };
}

/** The same refusal as KubeVirt's readers of guest information give it: 500 and the bare message. */
export function asPlainError(answer: Answer): Answer {
  const text = JSON.parse(String(answer.body)) as { message: string };
  return plain(500, text.message);
}
