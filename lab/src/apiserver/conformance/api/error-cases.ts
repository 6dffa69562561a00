// The table of refusals of what a request says: methods, paths, types and rights. Each is asked where a thing and a config map `a`
// are. Plain data.
import type { Refusal } from './refusals.ts';
import type { Asking, Space } from './subject.ts';
import { configMap, thing } from './thing.ts';

export interface ErrorCase extends Refusal {
  readonly what: string;
  readonly method: string;
  readonly path: (space: Space) => string;
  /** What is sent; a function makes it for the group of the Thing kind. */
  readonly body?: unknown;
  readonly asking?: Asking;
}
const things = (space: Space) => space.things;
const maps = (space: Space) => space.configMaps;
const a = (space: Space) => `${space.things}/a`;
const mapA = (space: Space) => `${space.configMaps}/a`;
const of = (name: string, spec?: Record<string, unknown>, metadata?: Record<string, unknown>) => (group: string) =>
  thing(group, name, spec, metadata);

export const requestCases: readonly ErrorCase[] = [
  {
    what: 'an object that is not there',
    method: 'GET',
    path: (s) => `${s.things}/nope`,
    code: 404,
    reason: 'NotFound',
    message: /^things\.\S+ "nope" not found$/,
  },
  {
    what: 'a core object that is not there',
    method: 'GET',
    path: (s) => `${s.configMaps}/nope`,
    code: 404,
    reason: 'NotFound',
    message: /^configmaps "nope" not found$/,
  },
  {
    what: 'deleting what is not there',
    method: 'DELETE',
    path: (s) => `${s.things}/nope`,
    code: 404,
    reason: 'NotFound',
    message: '"nope" not found',
  },
  {
    what: 'patching what is not there',
    method: 'PATCH',
    path: (s) => `${s.things}/nope`,
    body: {},
    asking: { type: 'application/merge-patch+json' },
    code: 404,
    reason: 'NotFound',
    message: '"nope" not found',
  },
  {
    what: 'updating what is not there',
    method: 'PUT',
    path: (s) => `${s.things}/nope`,
    body: of('nope', undefined, { resourceVersion: '1' }),
    code: 404,
    reason: 'NotFound',
    message: '"nope" not found',
  },
  {
    what: 'a body that is no JSON',
    method: 'POST',
    path: maps,
    body: '{nope',
    code: 400,
    reason: 'BadRequest',
    message: /invalid character 'n' looking for beginning of object key string/,
  },
  {
    what: 'a body of a foreign type',
    method: 'POST',
    path: maps,
    body: 'a=b',
    asking: { type: 'application/x-www-form-urlencoded' },
    code: 415,
    reason: 'UnsupportedMediaType',
    message: 'the body of the request was in an unknown format - accepted media types include: application/json',
  },
  {
    what: 'a patch of a foreign type',
    method: 'PATCH',
    path: a,
    body: {},
    asking: { type: 'application/json' },
    code: 415,
    reason: 'UnsupportedMediaType',
    message:
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json',
  },
  {
    // The router of built-in kinds may refuse it in words of its own before anybody else looks.
    what: 'a patch of a foreign type for a core object',
    method: 'PATCH',
    path: mapA,
    body: {},
    asking: { type: 'application/json' },
    code: 415,
    reason: 'UnsupportedMediaType',
    message: /415: Unsupported Media Type|accepted media types include: application\/json-patch\+json/,
  },
  {
    what: 'an answer of a foreign type',
    method: 'GET',
    path: a,
    asking: { headers: { accept: 'text/html' } },
    code: 406,
    reason: 'NotAcceptable',
    message: 'only the following media types are accepted: application/json',
  },
  {
    what: 'an answer of a foreign type about a core object',
    method: 'GET',
    path: mapA,
    asking: { headers: { accept: 'text/html' } },
    code: 406,
    reason: 'NotAcceptable',
    message: /406: Not Acceptable|only the following media types are accepted: application\/json/,
  },
  {
    what: 'a body too large',
    method: 'POST',
    path: maps,
    body: () => configMap('big', { text: 'x'.repeat(3_300_000) }),
    code: 413,
    reason: 'RequestEntityTooLarge',
    message: 'Request entity too large: limit is 3145728',
  },
  {
    what: 'a method that is not served',
    method: 'POST',
    path: (s) => `${s.configMaps}/a`,
    body: configMap('a'),
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
  },
  {
    what: 'reading a kind that is only asked',
    method: 'GET',
    path: () => '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    code: 405,
    reason: 'MethodNotAllowed',
    message: 'the server does not allow this method on the requested resource',
  },
  {
    what: 'a user without rights',
    method: 'GET',
    path: things,
    asking: { user: 'nobody-at-all' },
    code: 403,
    reason: 'Forbidden',
    message:
      /^things\.\S+ is forbidden: User "nobody-at-all" cannot list resource "things" in API group "\S+" in the namespace "\S+"/,
  },
  {
    what: 'a user without rights to a subresource',
    method: 'PATCH',
    path: (s) => `${s.things}/a/status`,
    body: {},
    asking: { user: 'nobody-at-all', type: 'application/merge-patch+json' },
    code: 403,
    reason: 'Forbidden',
    message: /^things\.\S+ "a" is forbidden: User "nobody-at-all" cannot patch resource "things\/status"/,
  },
  {
    what: 'a user without rights in the cluster',
    method: 'GET',
    path: () => '/api/v1/nodes',
    asking: { user: 'nobody-at-all' },
    code: 403,
    reason: 'Forbidden',
    message:
      'nodes is forbidden: User "nobody-at-all" cannot list resource "nodes" in API group "" at the cluster scope',
  },
  {
    what: 'a user without rights to a path',
    method: 'GET',
    path: () => '/metrics',
    asking: { user: 'nobody-at-all' },
    code: 403,
    reason: 'Forbidden',
    message: 'forbidden: User "nobody-at-all" cannot get path "/metrics"',
  },
  {
    what: 'a wrong token',
    method: 'GET',
    path: maps,
    asking: { token: 'wrong' },
    code: 401,
    reason: 'Unauthorized',
    message: /^Unauthorized$/,
  },
  {
    what: 'a core kind that nobody knows',
    method: 'GET',
    path: (s) => `${s.path}/gadgets`,
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
  },
  {
    what: 'a part of a core object that nobody knows',
    method: 'GET',
    path: (s) => `${s.configMaps}/a/nope`,
    code: 404,
    reason: 'NotFound',
    message: 'the server could not find the requested resource',
  },
  {
    what: 'a part of an object that its definition does not give it',
    method: 'GET',
    path: (s) => `${s.things}/a/nope`,
    code: 404,
    reason: 'NotFound',
    message: /^things\.\S+ "a" not found$/,
  },
  {
    what: 'creating a status',
    method: 'POST',
    path: (s) => `${s.things}/a/status`,
    body: of('a'),
    code: 405,
    reason: 'MethodNotAllowed',
    message: /create is not supported on resources of kind "things\.\S+"/,
  },
];
