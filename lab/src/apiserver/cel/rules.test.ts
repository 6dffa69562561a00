import { describe, expect, it } from '@jest/globals';
import type { Schema, ValidationRule } from '../registry/types.ts';
import { compileFault, validateRules } from './rules.ts';

function schemaWith(rule: ValidationRule): Schema {
  return {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        properties: {
          size: { type: 'integer' },
          memory: { type: 'string' },
          ratio: { type: 'number' },
          until: { type: 'string', format: 'date-time' },
          names: { type: 'array', items: { type: 'string' } },
          limits: { type: 'object', additionalProperties: { type: 'string' } },
        },
        'x-kubernetes-validations': [rule],
      },
    },
  };
}

function check(rule: ValidationRule, spec: unknown, old?: unknown): string[] {
  const errors = validateRules(schemaWith(rule), { spec }, old === undefined ? undefined : { spec: old });
  return errors.map((error) => `${error.field}: ${error.message}`);
}

describe('rules that hold', () => {
  it.each<[string, unknown]>([
    ['self.size + 1 == 4', { size: 3 }],
    ['self.ratio < 0.5', { ratio: 0.25 }],
    ['!has(self.memory) || self.memory != ""', {}],
    ["quantity(self.memory).compareTo(quantity('1Gi')) > 0", { memory: '1536Mi' }],
    ["isQuantity(self.memory) && quantity(self.memory).isLessThan(quantity('2Gi'))", { memory: '1Gi' }],
    ["self.until > timestamp('2026-01-01T00:00:00Z')", { until: '2026-06-01T00:00:00Z' }],
    ["duration('90m') > duration('1h')", {}],
    ["self.names.all(n, n.matches('^[a-z]+$')) && self.names.exists(n, n == 'b')", { names: ['a', 'b'] }],
    ["self.limits.all(k, self.limits[k] != '')", { limits: { cpu: '1' } }],
    ['self.?memory.orValue("none") == "none"', {}],
    ["self.names.map(n, n + '!').join(',') == 'a!,b!'", { names: ['a', 'b'] }],
    ['[1, 2, 3].sum() == 6 && [2, 1].min() == 1 && [1, 2].isSorted()', {}],
    ["url('https://a.example:8443/x').getPort() == '8443' && !isURL('::')", {}],
    ["'%s has %d'.format(['a', self.size]) == 'a has 3'", { size: 3 }],
    ["'a1b2'.findAll('[0-9]') == ['1', '2'] && 'aXbX'.replace('X', '-') == 'a-b-'", {}],
    ["isIP('10.0.0.1') && ip('10.0.0.1').family() == 4", {}],
    ['dyn(self.size) in [1, 2, 3]', { size: 2 }],
  ])('%s', (rule, spec) => expect(check({ rule }, spec)).toEqual([]));
});

describe('rules that are broken', () => {
  it('tells the message at the field of the rule', () => {
    expect(check({ rule: 'self.size > 3', message: 'too small' }, { size: 1 })).toEqual([
      'spec: Invalid value: too small',
    ]);
  });

  it('tells the rule itself when it has no message', () => {
    expect(check({ rule: 'self.size > 3' }, { size: 1 })).toEqual(['spec: Invalid value: failed rule: self.size > 3']);
  });

  it('points at fieldPath and uses the reason', () => {
    const rule: ValidationRule = { rule: 'false', message: 'no', fieldPath: '.size', reason: 'FieldValueForbidden' };
    expect(check(rule, { size: 1 })).toEqual(['spec.size: Forbidden: no']);
  });

  it('makes the message from an expression, and falls back when that fails', () => {
    expect(check({ rule: 'false', messageExpression: "'got ' + string(self.size)" }, { size: 1 })).toEqual([
      'spec: Invalid value: got 1',
    ]);
    expect(check({ rule: 'false', message: 'plain', messageExpression: 'self.nope' }, { size: 1 })).toEqual([
      'spec: Invalid value: plain',
    ]);
  });

  it('tells a rule that cannot be evaluated', () => {
    expect(check({ rule: 'self.nope == 1', message: 'm' }, { size: 1 })).toEqual([
      'spec: Invalid value: "object": no such key: nope evaluating rule: m',
    ]);
  });
});

describe('transition rules', () => {
  const grows: ValidationRule = { rule: 'self.size >= oldSelf.size', message: 'may not shrink' };

  it('run on updates alone', () => {
    expect(check(grows, { size: 1 })).toEqual([]);
    expect(check(grows, { size: 1 }, { size: 2 })).toEqual(['spec: Invalid value: may not shrink']);
  });

  it('run on creation too with optionalOldSelf', () => {
    const rule: ValidationRule = {
      rule: 'oldSelf.hasValue() || self.size == 1',
      message: 'starts at 1',
      optionalOldSelf: true,
    };
    expect(check(rule, { size: 2 })).toEqual(['spec: Invalid value: starts at 1']);
    expect(check(rule, { size: 2 }, { size: 1 })).toEqual([]);
  });

  it('match items of a map list by key', () => {
    const schema: Schema = {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: {
        type: 'object',
        properties: { name: { type: 'string' }, size: { type: 'integer' } },
        'x-kubernetes-validations': [{ rule: 'self.size >= oldSelf.size', message: 'shrank' }],
      },
    };
    const old = [
      { name: 'a', size: 3 },
      { name: 'b', size: 1 },
    ];
    const next = [
      { name: 'new', size: 0 },
      { name: 'b', size: 1 },
      { name: 'a', size: 2 },
    ];
    expect(validateRules(schema, next, old).map((error) => error.field)).toEqual(['[2]']);
  });

  it('do not hold an unchanged value against an update', () => {
    expect(check({ rule: 'self.size > 3' }, { size: 1 }, { size: 1 })).toEqual([]);
    expect(check({ rule: 'self.size > 3' }, { size: 2 }, { size: 1 })).toHaveLength(1);
  });
});

describe('compilation', () => {
  it.each<[string, 'bool' | 'string', RegExp | undefined]>([
    ['self.a == 1', 'bool', undefined],
    ['self.a +', 'bool', /compilation failed/],
    ['unknownFunction(self)', 'bool', /no matching overload/],
    ['1 + 1', 'bool', /must evaluate to a bool/],
    ["'x' + self.a", 'string', undefined],
  ])('%s as %s', (expression, returns, fault) => {
    const found = compileFault(expression, returns);
    if (fault) expect(found).toMatch(fault);
    else expect(found).toBeUndefined();
  });
});
