// The matchConditions of admission webhooks: CEL over the request and its objects that says whether a hook is asked at
// all. `authorizer` is not offered; an expression that names it is refused when the configuration is written.
import { Environment } from '@marcbachmann/cel-js';
import type { ParseResult } from '@marcbachmann/cel-js';
import type { Schema } from '../registry/types.ts';
import { isRecord } from '../schema/json.ts';
import { registerKubernetesLibrary } from './library.ts';
import { toCel } from './values.ts';
import { complaintOf } from './complaint.ts';

export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

export interface MatchVariables {
  readonly schema: Schema;
  readonly object: unknown;
  readonly oldObject: unknown;
  /** The `request` of the AdmissionReview. */
  readonly request: Readonly<Record<string, unknown>>;
}

export type MatchOutcome = 'matches' | 'differs' | { readonly error: string };

const environment = registerKubernetesLibrary(
  new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false })
    .registerVariable('object', 'dyn')
    .registerVariable('oldObject', 'dyn')
    .registerVariable('request', 'dyn'),
);
const compiled = new Map<string, ParseResult>();

/** Why the expression cannot be used, or undefined. */
export function matchConditionFault(expression: string): string | undefined {
  try {
    const result = environment.check(expression);
    if (!result.valid) return `compilation failed: ${complaintOf(result.error)}`;
    return result.type === 'bool' || result.type === 'dyn' ? undefined : 'must evaluate to bool';
  } catch (error) {
    return `compilation failed: ${complaintOf(error)}`;
  }
}

/** One false condition decides, whatever the others do; otherwise an error of one is told. */
export function matchOutcome(conditions: readonly MatchCondition[], variables: MatchVariables): MatchOutcome {
  if (conditions.length === 0) return 'matches';
  const { schema, object, oldObject, request } = variables;
  const bound = {
    object: object === undefined ? null : toCel(schema, object),
    oldObject: oldObject === undefined ? null : toCel(schema, oldObject),
    request: requestValue(request),
  };
  const errors: string[] = [];
  for (const { name, expression } of conditions) {
    try {
      if (programOf(expression)(bound) !== true) return 'differs';
    } catch (error) {
      errors.push(`match condition "${name}": ${complaintOf(error)}`);
    }
  }
  return errors[0] === undefined ? 'matches' : { error: errors[0] };
}

function programOf(expression: string): ParseResult {
  let program = compiled.get(expression);
  if (program === undefined) compiled.set(expression, (program = environment.parse(expression)));
  return program;
}

/** `namespace` is a reserved word; both ways of writing it are understood. */
function requestValue(request: Readonly<Record<string, unknown>>): unknown {
  return plain({ ...request, __namespace__: request['namespace'] ?? '' });
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (isRecord(value)) return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, plain(child)]));
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
}
