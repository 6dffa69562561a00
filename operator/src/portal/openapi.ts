// The API's document, OpenAPI 3.1, made from the endpoints.
// Promises: pure; every operation that is served is in it, with its parameters, bodies, answers and problems.

import { z } from 'zod';
import type { Endpoint } from './endpoint.ts';
import { problem } from './schemas.ts';

type Json = Readonly<Record<string, unknown>>;

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Record<
    string,
    unknown
  >;
  return rest;
};

export function openApiOf(endpoints: readonly Endpoint[], version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const each of endpoints) (paths[each.path] ??= {})[each.method] = operationOf(each);
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

function operationOf(each: Endpoint): Json {
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
    operationId:
      `${each.method}${each.path.replaceAll(/[^a-zA-Z]+(\w)/g, (_, first: string) => first.toUpperCase())}`.replace(
        '}',
        '',
      ),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(each.body === undefined
      ? {}
      : { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(each.body, 'input') } } } }),
    responses: {
      [each.status]: success,
      default: {
        description: 'A problem (RFC 9457).',
        content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
      },
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
