// Every failure becomes one of a closed set of kinds.
import { describe, expect, it } from '@jest/globals';
import {
  errorFromResponse,
  errorFromWatchEvent,
  isAborted,
  KubeError,
  parseRetryAfter,
  toKubeError,
} from './errors.ts';

const answered = (status: number, reason?: string): KubeError =>
  errorFromResponse('get pods', status, { kind: 'Status', reason, message: 'words' }, undefined);

describe('an answer with a failure', () => {
  it.each<[number, string | undefined, string]>([
    [400, 'BadRequest', 'badRequest'],
    [401, 'Unauthorized', 'unauthorized'],
    [403, 'Forbidden', 'forbidden'],
    [404, 'NotFound', 'notFound'],
    [405, 'MethodNotAllowed', 'badRequest'],
    [408, 'Timeout', 'timeout'],
    [409, 'Conflict', 'conflict'],
    [409, 'AlreadyExists', 'alreadyExists'],
    [410, 'Expired', 'gone'],
    [410, 'Gone', 'gone'],
    [415, 'UnsupportedMediaType', 'badRequest'],
    [422, 'Invalid', 'invalid'],
    [429, 'TooManyRequests', 'throttled'],
    [500, 'InternalError', 'server'],
    [503, 'ServiceUnavailable', 'server'],
    [504, 'Timeout', 'timeout'],
    [599, undefined, 'server'],
  ])('%p %p is of kind %p', (status, reason, kind) => {
    expect(answered(status, reason)).toMatchObject({ kind, status, message: 'get pods: words' });
  });

  it('says what was attempted even when the body is not a Status', () => {
    const error = errorFromResponse('get pods', 502, '<html>Bad gateway</html>', undefined);
    expect(error).toMatchObject({ kind: 'server', message: 'get pods: <html>Bad gateway</html>' });
    expect(error.body).toBeUndefined();
    expect(errorFromResponse('get pods', 502, undefined, undefined).message).toBe('get pods: HTTP status 502');
  });

  it('takes the time to wait from the header, or else from the Status', () => {
    const body = { kind: 'Status', details: { retryAfterSeconds: 7 } };
    expect(errorFromResponse('x', 429, body, '2').retryAfterMs).toBe(2_000);
    expect(errorFromResponse('x', 429, body, undefined).retryAfterMs).toBe(7_000);
    expect(errorFromResponse('x', 429, {}, undefined).retryAfterMs).toBeUndefined();
  });

  it('is read from a watch event by its code', () => {
    const object = { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' };
    expect(errorFromWatchEvent('watch pods', object)).toMatchObject({ kind: 'gone', status: 410 });
    expect(errorFromWatchEvent('watch pods', 'junk')).toMatchObject({ kind: 'server' });
  });
});

describe('parseRetryAfter', () => {
  const now = Date.UTC(2026, 0, 1);
  it.each<[string | undefined, number | undefined]>([
    [undefined, undefined],
    ['0', 0],
    ['3', 3_000],
    ['Thu, 01 Jan 2026 00:00:10 GMT', 10_000],
    ['Thu, 01 Jan 2025 00:00:00 GMT', 0],
    ['soon', undefined],
  ])('reads %p as %p ms', (header, expected) => {
    expect(parseRetryAfter(header, now)).toBe(expected);
  });
});

describe('toKubeError', () => {
  const coded = (code: string): Error => Object.assign(new Error('it broke'), { code });

  it.each<[unknown, string, string]>([
    [coded('ECONNRESET'), 'network', 'get x: it broke (ECONNRESET)'],
    [coded('UND_ERR_HEADERS_TIMEOUT'), 'timeout', 'get x: it broke (UND_ERR_HEADERS_TIMEOUT)'],
    [coded('UND_ERR_ABORTED'), 'aborted', 'get x: aborted'],
    [new DOMException('late', 'TimeoutError'), 'timeout', 'get x: late'],
    [new DOMException('stop', 'AbortError'), 'aborted', 'get x: aborted'],
    [new TypeError('fetch failed', { cause: coded('EAI_AGAIN') }), 'network', 'get x: fetch failed (EAI_AGAIN)'],
    ['text', 'network', 'get x: text'],
    [undefined, 'network', 'get x: undefined'],
  ])('turns %p into kind %p', (thrown, kind, message) => {
    const error = toKubeError(thrown, 'get x');
    expect(error).toBeInstanceOf(KubeError);
    expect([error.kind, error.message, error.cause]).toEqual([kind, message, thrown]);
  });

  it('returns a KubeError as it is', () => {
    const error = answered(404);
    expect(toKubeError(error, 'something else')).toBe(error);
  });

  it('tells an abort from everything else', () => {
    expect(isAborted(new DOMException('stop', 'AbortError'))).toBe(true);
    expect(isAborted(new KubeError('x', { kind: 'aborted' }))).toBe(true);
    expect(isAborted(new KubeError('x', { kind: 'timeout' }))).toBe(false);
    expect(isAborted(undefined)).toBe(false);
  });
});
