// The functions beyond the CEL standard that Kubernetes gives to rules: strings, regular expressions, lists, quantities,
// URLs, addresses, formats and sets. Registered once on one environment; each is pure.
import { isIP, isIPv4 } from 'node:net';
import type { Environment } from '@marcbachmann/cel-js';
import { hasFormat } from '../schema/formats.ts';
import { parseQuantity, Quantity } from './quantity.ts';

class Url {
  readonly url: URL;
  constructor(url: URL) {
    this.url = url;
  }
}

class Ip {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

function urlOf(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : text.startsWith('/') ? new URL(text, 'http://localhost') : undefined;
}

function quantityOf(text: string): Quantity {
  const quantity = parseQuantity(text);
  if (!quantity) throw new Error(`"${text}" is not a quantity`);
  return quantity;
}

/** Text of a value inside `format`, as CEL's string extension prints it. */
function show(value: unknown): string {
  if (typeof value === 'string') return value;
  if (Array.isArray(value)) return `[${value.map(show).join(', ')}]`;
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (typeof value === 'object' && value !== null)
    return `{${Object.entries(value)
      .map(([key, item]) => `${key}: ${show(item)}`)
      .join(', ')}}`;
  return String(value);
}

/** `'%s of %d'.format([a, b])` with %s %d %f %e %x %X %o %b and %%. */
function format(template: string, values: readonly unknown[]): string {
  let next = 0;
  return template.replace(
    /%(?:%|(?:\.(\d+))?([sdfexXob]))/g,
    (clause, precision: string | undefined, verb: string | undefined) => {
      if (verb === undefined) return '%';
      if (next >= values.length) throw new Error(`index ${next} out of range`);
      const value = values[next++];
      const digits = Number(precision ?? 6);
      switch (verb) {
        case 's':
          return show(value);
        case 'f':
          return Number(value).toFixed(digits);
        case 'e':
          return Number(value).toExponential(digits);
        case 'd':
          return typeof value === 'number' ? String(value) : show(value);
        case 'x':
        case 'X': {
          const hex =
            typeof value === 'string' ? Buffer.from(value).toString('hex') : BigInt(String(value)).toString(16);
          return verb === 'X' ? hex.toUpperCase() : hex;
        }
        case 'o':
          return BigInt(String(value)).toString(8);
        case 'b':
          return typeof value === 'boolean' ? (value ? '1' : '0') : BigInt(String(value)).toString(2);
        default:
          throw new Error(`unknown clause ${clause}`);
      }
    },
  );
}

type Ordered = bigint | number | string;

function compare(a: Ordered, b: Ordered): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function same(a: unknown, b: unknown): boolean {
  return a === b || show(a) === show(b);
}

function pick(list: readonly Ordered[], sign: 1 | -1): Ordered {
  const [first, ...rest] = list;
  if (first === undefined) throw new Error('min and max need a list that is not empty');
  return rest.reduce((best, item) => (compare(item, best) * sign < 0 ? item : best), first);
}

/** Registers everything on the environment and returns it. */
export function registerKubernetesLibrary(env: Environment): Environment {
  registerStrings(env);
  registerLists(env);
  registerQuantities(env);
  registerAddresses(env);
  return env;
}

function registerStrings(env: Environment): void {
  env
    .registerFunction('string.format(list): string', (template: string, values: unknown[]) => format(template, values))
    .registerFunction(
      'string.find(string): string',
      (text: string, pattern: string) => new RegExp(pattern, 'u').exec(text)?.[0] ?? '',
    )
    .registerFunction(
      'string.findAll(string): list<string>',
      (text: string, pattern: string) => text.match(new RegExp(pattern, 'gu')) ?? [],
    )
    .registerFunction('string.findAll(string, int): list<string>', (text: string, pattern: string, limit: bigint) =>
      (text.match(new RegExp(pattern, 'gu')) ?? []).slice(0, limit < 0n ? undefined : Number(limit)),
    )
    .registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) =>
      text.replaceAll(from, () => to),
    )
    .registerFunction(
      'string.replace(string, string, int): string',
      (text: string, from: string, to: string, limit: bigint) => {
        let left = limit;
        return text.replaceAll(from, (match) => (left-- === 0n ? ((left = 0n), match) : to));
      },
    )
    .registerFunction('string.charAt(int): string', (text: string, at: bigint) => [...text][Number(at)] ?? '')
    .registerFunction('isURL(string): bool', (text: string) => urlOf(text) !== undefined)
    .registerType('net.URL', Url)
    .registerFunction('url(string): net.URL', (text: string) => {
      const url = urlOf(text);
      if (!url) throw new Error(`"${text}" is not a URL`);
      return new Url(url);
    })
    .registerFunction('net.URL.getScheme(): string', (u: Url) => u.url.protocol.replace(/:$/, ''))
    .registerFunction('net.URL.getHost(): string', (u: Url) => u.url.host)
    .registerFunction('net.URL.getHostname(): string', (u: Url) => u.url.hostname)
    .registerFunction('net.URL.getPort(): string', (u: Url) => u.url.port)
    .registerFunction('net.URL.getEscapedPath(): string', (u: Url) => u.url.pathname)
    .registerFunction('isDuration(string): bool', (text: string) => hasFormat('duration', text));
}

function registerLists(env: Environment): void {
  env
    .registerFunction('list.isSorted(): bool', (list: Ordered[]) =>
      list.every((item, i) => i === 0 || compare(list[i - 1] ?? item, item) <= 0),
    )
    .registerFunction('list.sum(): dyn', (list: (bigint | number)[]) =>
      list.reduce<bigint | number>(
        (sum, item) => (typeof item === 'bigint' ? BigInt(sum) + item : Number(sum) + item),
        0n,
      ),
    )
    .registerFunction('list.min(): dyn', (list: Ordered[]) => pick(list, 1))
    .registerFunction('list.max(): dyn', (list: Ordered[]) => pick(list, -1))
    .registerFunction('list.indexOf(dyn): int', (list: unknown[], item: unknown) =>
      BigInt(list.findIndex((other) => same(other, item))),
    )
    .registerFunction('list.lastIndexOf(dyn): int', (list: unknown[], item: unknown) =>
      BigInt(list.findLastIndex((other) => same(other, item))),
    )
    .registerFunction('list.distinct(): list', (list: unknown[]) =>
      list.filter((item, i) => list.findIndex((other) => same(other, item)) === i),
    );
}

function registerQuantities(env: Environment): void {
  env
    .registerType('kubernetes.Quantity', Quantity)
    .registerFunction('isQuantity(string): bool', (text: string) => parseQuantity(text) !== undefined)
    .registerFunction('quantity(string): kubernetes.Quantity', quantityOf)
    .registerFunction(
      'kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool',
      (a: Quantity, b: Quantity) => a.nano < b.nano,
    )
    .registerFunction(
      'kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool',
      (a: Quantity, b: Quantity) => a.nano > b.nano,
    )
    .registerFunction('kubernetes.Quantity.compareTo(kubernetes.Quantity): int', (a: Quantity, b: Quantity) =>
      a.nano < b.nano ? -1n : a.nano > b.nano ? 1n : 0n,
    )
    .registerFunction('kubernetes.Quantity.sign(): int', (a: Quantity) => (a.nano < 0n ? -1n : a.nano > 0n ? 1n : 0n))
    .registerFunction(
      'kubernetes.Quantity.add(kubernetes.Quantity): kubernetes.Quantity',
      (a: Quantity, b: Quantity) => new Quantity(a.nano + b.nano),
    )
    .registerFunction(
      'kubernetes.Quantity.sub(kubernetes.Quantity): kubernetes.Quantity',
      (a: Quantity, b: Quantity) => new Quantity(a.nano - b.nano),
    )
    .registerFunction('kubernetes.Quantity.isInteger(): bool', (a: Quantity) => a.nano % 1_000_000_000n === 0n)
    .registerFunction('kubernetes.Quantity.asInteger(): int', (a: Quantity) => {
      if (a.nano % 1_000_000_000n !== 0n) throw new Error('cannot convert value to integer');
      return a.nano / 1_000_000_000n;
    })
    .registerFunction('kubernetes.Quantity.asApproximateFloat(): double', (a: Quantity) => Number(a.nano) / 1e9);
}

function registerAddresses(env: Environment): void {
  env
    .registerType('net.IP', Ip)
    .registerFunction('isIP(string): bool', (text: string) => isIP(text) !== 0)
    .registerFunction('ip(string): net.IP', (text: string) => {
      if (isIP(text) === 0) throw new Error(`"${text}" is not an IP address`);
      return new Ip(text);
    })
    .registerFunction('net.IP.family(): int', (address: Ip) => (isIPv4(address.text) ? 4n : 6n))
    .registerFunction('isCIDR(string): bool', (text: string) => hasFormat('cidr', text));
}
