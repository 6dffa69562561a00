// The API's document, OpenAPI 3.1, made from the endpoints.
// Promises: pure; every operation that is served is in it, with its parameters, bodies, answers and problems.

import { z } from 'zod';
import type { Endpoint } from './endpoint.ts';
import type { OpenOperation } from './login.ts';
import { problem } from './schemas.ts';

type Json = Readonly<Record<string, unknown>>;

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Record<
    string,
    unknown
  >;
  return rest;
};

/** A WebSocket: described as the request that opens it. */
export interface SocketPath {
  readonly path: string;
  readonly summary: string;
  readonly protocol?: string;
}

/** @param open operations that need no login. */
export function openApiOf(o: {
  readonly endpoints: readonly Endpoint[];
  readonly open: readonly OpenOperation[];
  readonly sockets: readonly SocketPath[];
  readonly version: string;
}): Json {
  const { endpoints, version } = o;
  const paths: Record<string, Record<string, Json>> = {};
  for (const each of endpoints) (paths[each.path] ??= {})[each.method] = operationOf(each);
  for (const each of o.open)
    (paths[each.path] ??= {})[each.method] = { ...operationOf({ ...each, tag: 'login' }), security: [] };
  for (const { path, ...socket } of o.sockets) (paths[path] ??= {})['get'] = socketOf(path, socket);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Idlewild portal',
      version,
      description:
        'Jobs, machines and consoles of a lab, under the rights that the cluster gives to whoever asks. ' +
        'Live changes come over the WebSocket /api/v1/stream.',
    },
    security: [{ bearer: [] }, { cookie: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'A token of the cluster, as `kubectl create token` makes.',
        },
        cookie: { type: 'apiKey', in: 'cookie', name: 'idlewild' },
      },
      schemas: { Problem: schemaOf(problem, 'output') },
    },
  };
}

function socketOf(path: string, { summary, protocol }: Omit<SocketPath, 'path'>): Json {
  return {
    summary,
    tags: ['sockets'],
    operationId: operationIdOf('socket', path),
    'x-websocket': protocol === undefined ? {} : { protocol },
    responses: { 101: { description: 'The WebSocket is open.' }, default: aProblem },
  };
}

const aProblem = {
  description: 'A problem (RFC 9457).',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
} as const;

function operationIdOf(method: string, path: string): string {
  return `${method}${path.replaceAll(/[^a-zA-Z]+(\w)/g, (_, first: string) => first.toUpperCase())}`.replace('}', '');
}

function operationOf(each: Omit<Endpoint, 'handle'>): Json {
  const parameters = [
    ...(each.params === undefined ? [] : parametersOf(each.params, 'path')),
    ...(each.query === undefined ? [] : parametersOf(each.query, 'query')),
  ];
  const success =
    each.answer === undefined
      ? { description: 'Done.' }
      : { description: 'The answer.', content: { 'application/json': { schema: schemaOf(each.answer, 'output') } } };
  return {
    summary: each.summary,
    tags: [each.tag],
    operationId: operationIdOf(each.method, each.path),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(each.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(each.body, 'input') } } } }),
    responses: {
      [each.status]: success,
      default: aProblem,
    },
  };
}

function parametersOf(schema: z.ZodType, place: 'path' | 'query'): Json[] {
  const { properties = {}, required = [] } = schemaOf(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, each]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: each,
  }));
}
