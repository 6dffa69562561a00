// The expressions of admission policies: CEL over the request and its objects, parameters and composed variables. Objects are
// seen as they are written, without a schema. A variable is evaluated when it is first read, and once for a request.
// `authorizer` is not offered; an expression that names it is refused when the policy is written.
import { Environment } from '@marcbachmann/cel-js';
import type { ParseResult } from '@marcbachmann/cel-js';
import { isRecord } from '../schema/json.ts';
import { registerKubernetesLibrary } from './library.ts';
import { complaintOf } from './complaint.ts';

export interface NamedExpression {
  readonly name: string;
  readonly expression: string;
}

/** What expressions may name, each as JSON; asked for when an expression first names it. */
export interface AdmissionBindings {
  object(): unknown;
  oldObject(): unknown;
  request(): unknown;
  namespaceObject(): unknown;
  params(): unknown;
}

export type Evaluated = { readonly value: unknown } | { readonly error: string };

const environment = registerKubernetesLibrary(
  new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false })
    .registerVariable('object', 'dyn')
    .registerVariable('oldObject', 'dyn')
    .registerVariable('request', 'dyn')
    .registerVariable('namespaceObject', 'dyn')
    .registerVariable('params', 'dyn')
    .registerVariable('variables', 'dyn'),
);
const compiled = new Map<string, ParseResult>();

/** What an expression may be used for. */
export interface Offered {
  readonly returns: 'bool' | 'string' | 'dyn';
  /** Whether the policy has parameters. */
  readonly params: boolean;
  /** Names of the variables that are composed before it. */
  readonly variables: readonly string[];
}

/** Why the expression cannot be used, or undefined. */
export function expressionFault(expression: string, offered: Offered): string | undefined {
  try {
    const result = environment.check(expression);
    if (!result.valid) return `compilation failed: ${complaintOf(result.error)}`;
    const named = namesIn(environment.parse(expression).ast);
    const unknown = [...named.variables].find((name) => !offered.variables.includes(name));
    if (unknown !== undefined) return `compilation failed: undefined field '${unknown}'`;
    if (named.params && !offered.params)
      return "compilation failed: undeclared reference to 'params' (in container '')";
    if (offered.returns === 'dyn' || result.type === offered.returns || result.type === 'dyn') return undefined;
    return `must evaluate to ${offered.returns}`;
  } catch (error) {
    return `compilation failed: ${complaintOf(error)}`;
  }
}

/** The variables of a policy over what a request brings; reading one that fails throws. */
export function bind(bindings: AdmissionBindings, variables: readonly NamedExpression[]): Record<string, unknown> {
  const composed: Record<string, unknown> = {};
  const bound: Record<string, unknown> = { variables: composed };
  for (const name of ['object', 'oldObject', 'request', 'namespaceObject', 'params'] as const) {
    define(bound, name, () => plainValue(bindings[name]()));
  }
  for (const { name, expression } of variables) {
    const outcomeOf = once(() => evaluate(expression, bound));
    define(composed, name, () => {
      const outcome = outcomeOf();
      if ('error' in outcome) throw new Error(`composited variable "${name}" fails to evaluate: ${outcome.error}`);
      return outcome.value;
    });
  }
  return bound;
}

function define(into: Record<string, unknown>, name: string, make: () => unknown): void {
  Object.defineProperty(into, name, { enumerable: true, get: once(make) });
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/** @param bound what `bind` made. */
export function evaluate(expression: string, bound: Readonly<Record<string, unknown>>): Evaluated {
  try {
    let program = compiled.get(expression);
    if (program === undefined) compiled.set(expression, (program = environment.parse(expression)));
    return { value: program(bound) };
  } catch (error) {
    return { error: `expression '${expression}' resulted in error: ${complaintOf(error)}` };
  }
}

/** JSON as these expressions see it: whole numbers are integers, absent is null. Fresh; the value is not touched. */
function plainValue(value: unknown): unknown {
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map(plainValue);
  if (isRecord(value)) {
    const members = Object.entries(value).filter(([, child]) => child !== undefined);
    return Object.fromEntries(members.map(([key, child]) => [key, plainValue(child)]));
  }
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value;
}

/** Reads the syntax tree: `variables.NAME` is a selection `.` of the identifier with the name. */
function namesIn(tree: unknown): { readonly variables: ReadonlySet<string>; readonly params: boolean } {
  const variables = new Set<string>();
  let params = false;
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) return node.forEach(walk);
    if (!isRecord(node)) return;
    const { op, args } = node;
    if (op === 'id') params ||= args === 'params';
    if (op === '.' && Array.isArray(args)) {
      const [operand, name] = args as [unknown, unknown];
      if (isRecord(operand) && operand['op'] === 'id' && operand['args'] === 'variables') variables.add(String(name));
    }
    walk(args);
  };
  walk(tree);
  return { variables, params };
}
