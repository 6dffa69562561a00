// The pure readers of a request: paths, selectors, duplicate fields, protobuf bodies, and ages in tables.

import { describe, expect, it } from '@jest/globals';
import { humanDuration } from '../table/duration.ts';
import { duplicateFields } from './duplicates.ts';
import { objectSelector, parseLabelSelector } from './label-selector.ts';
import { decodeProtobuf } from './protobuf.ts';
import { resourceRequest } from './request.ts';

describe('a resource path', () => {
  const cases: [string, string, Record<string, string> | undefined][] = [
    ['GET', '/api/v1/pods', { verb: 'list', group: '', plural: 'pods', namespace: '', name: '' }],
    ['GET', '/api/v1/namespaces/a/pods/b', { verb: 'get', plural: 'pods', namespace: 'a', name: 'b' }],
    [
      'POST',
      '/api/v1/namespaces/a/pods/b/eviction',
      { verb: 'create', plural: 'pods', name: 'b', subresource: 'eviction' },
    ],
    ['GET', '/api/v1/namespaces/a', { verb: 'get', plural: 'namespaces', namespace: 'a', name: 'a' }],
    [
      'PUT',
      '/api/v1/namespaces/a/finalize',
      { verb: 'update', plural: 'namespaces', name: 'a', subresource: 'finalize' },
    ],
    ['DELETE', '/apis/x.dev/v1/things', { verb: 'deletecollection', group: 'x.dev', version: 'v1', plural: 'things' }],
    ['PATCH', '/apis/x.dev/v1/namespaces/a/things/b/status', { verb: 'patch', subresource: 'status' }],
    ['GET', '/apis/x.dev/v1/namespaces/a/things/b/proxy/c/d', { subresource: 'proxy', rest: 'c/d' }],
    ['GET', '/apis/x.dev/v1', undefined],
    ['GET', '/healthz', undefined],
    ['GET', '/api/v1/pods/%E0%A4%A', undefined],
  ];
  it.each(cases)('%s %s', (method, path, expected) => {
    const request = resourceRequest(method, path, new URLSearchParams());
    if (expected === undefined) expect(request).toBeUndefined();
    else expect(request).toMatchObject(expected);
  });
});

describe('a label selector', () => {
  const refused: [string, string][] = [
    ['a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"],
    ['a,', "unable to parse requirement: found '', expected: identifier after ','"],
    ['a in b', "unable to parse requirement: found 'b' expected: '('"],
    ['a in (b', "unable to parse requirement: found '', expected: ',', ')' or identifier"],
    ['=a', "unable to parse requirement: found '=', expected: !, identifier, or 'end of string'"],
  ];
  it.each(refused)('%s is refused', (text, message) => {
    expect(() => parseLabelSelector(text)).toThrow(message);
  });

  it('of an object matches by labels and expressions together', () => {
    const selector = objectSelector({
      matchLabels: { a: '1' },
      matchExpressions: [
        { key: 'b', operator: 'In', values: ['x', 'y'] },
        { key: 'c', operator: 'DoesNotExist' },
      ],
    });
    expect(selector({ a: '1', b: 'y' })).toBe(true);
    expect(selector({ a: '1', b: 'z' })).toBe(false);
    expect(selector({ a: '1', b: 'x', c: '' })).toBe(false);
    expect(objectSelector(undefined)({ a: '1' })).toBe(false);
    expect(objectSelector({})({})).toBe(true);
  });
});

describe('duplicate fields', () => {
  const cases: [string, string[]][] = [
    ['{"a":1,"b":{"c":1,"c":2}}', ['b.c']],
    ['{"a":[{"x":1},{"x":1,"x":2}]}', ['a[1].x']],
    ['{"a":1, "a" : {"b":"}\\""}, "c":[]}', ['a']],
    ['{"a":{"b":1},"c":{"b":1}}', []],
    ['[]', []],
  ];
  it.each(cases)('in %s', (text, expected) => {
    expect(duplicateFields(text)).toEqual(expected);
  });
});

describe('a protobuf body', () => {
  const field = (number: number, bytes: Buffer | string): Buffer => {
    const content = Buffer.from(bytes as string);
    return Buffer.concat([Buffer.from([(number << 3) | 2, content.length]), content]);
  };
  const wrap = (apiVersion: string, kind: string, raw: Buffer): Buffer =>
    Buffer.concat([
      Buffer.from('k8s\0'),
      field(1, Buffer.concat([field(1, apiVersion), field(2, kind)])),
      field(2, raw),
    ]);

  it('of an eviction is read with its options', () => {
    const metadata = Buffer.concat([field(1, 'p'), field(2, ''), field(3, 'lab')]);
    const options = Buffer.concat([Buffer.from([0x08, 30]), field(5, 'All')]);
    const body = wrap('policy/v1', 'Eviction', Buffer.concat([field(1, metadata), field(2, options)]));
    expect(decodeProtobuf(body)).toEqual({
      kind: 'Eviction',
      apiVersion: 'policy/v1',
      metadata: { name: 'p', namespace: 'lab' },
      deleteOptions: { gracePeriodSeconds: 30, dryRun: ['All'] },
    });
  });

  it('of a secret is read with base64 data', () => {
    const entry = Buffer.concat([field(1, 'key'), field(2, 'value')]);
    expect(decodeProtobuf(wrap('v1', 'Secret', field(2, entry)))).toMatchObject({ data: { key: 'dmFsdWU=' } });
  });

  it('of an unknown kind is refused with 415, and broken bytes with 400', () => {
    expect(() => decodeProtobuf(wrap('v1', 'Pod', Buffer.alloc(0)))).toThrow(expect.objectContaining({ code: 415 }));
    expect(() => decodeProtobuf(Buffer.from('{}'))).toThrow(expect.objectContaining({ code: 400 }));
    expect(() => decodeProtobuf(wrap('v1', 'Secret', Buffer.from([0x12, 0x50])))).toThrow('truncated');
  });
});

describe('an age', () => {
  const cases: [number, string][] = [
    [-5, '<invalid>'],
    [0, '0s'],
    [119, '119s'],
    [120, '2m'],
    [321, '5m21s'],
    [3600, '60m'],
    [4 * 3600 + 300, '4h5m'],
    [30 * 3600, '30h'],
    [3 * 86400, '3d'],
    [3 * 86400 + 7200, '3d2h'],
    [100 * 86400, '100d'],
    [800 * 86400, '2y70d'],
  ];
  it.each(cases)('of %d seconds is shown as %s', (seconds, text) => {
    expect(humanDuration(seconds * 1000)).toBe(text);
  });
});
