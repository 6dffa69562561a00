// The string and number formats that Kubernetes checks in a structural schema. An unknown format is no constraint,
// as in Kubernetes. Each check answers one question about one value and never throws.
import { parseQuantity } from '../cel/quantity.ts';
import { isIPv4, isIPv6 } from 'node:net';

const dateTime = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:?\d{2})$/;
const date = /^\d{4}-\d{2}-\d{2}$/;
const goDuration = /^[+-]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$/;
const wordDuration =
  /^\s*(\d+(\.\d+)?\s*(ns|nano(second)?s?|us|µs|micro(second)?s?|ms|milli(second)?s?|s|sec(ond)?s?|m|min(ute)?s?|h|hr|hours?|d|days?|w|weeks?)\s*)+$/i;
const uuid = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i;
const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const email = /^[^\s@]+@[^\s@]+$/;
const hostname =
  /^(?=.{1,253}\.?$)[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?(\.[a-zA-Z0-9_]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?)*\.?$/;
const cidr = /^(.+)\/(\d{1,3})$/;

/** RFC 3339 with a real calendar date. */
export function isDateTime(text: string): boolean {
  return dateTime.test(text) && !Number.isNaN(Date.parse(text.replace(' ', 'T')));
}

/** RFC 3339 with exactly six fractional digits, as Lease and Event times need. */
export function isMicroTime(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}(Z|[+-]\d{2}:\d{2})$/.test(text) && isDateTime(text);
}

/** `1h30m` as Go writes it. */
function isGoDuration(text: string): boolean {
  return goDuration.test(text) && text !== '';
}

export function isBase64(text: string): boolean {
  return base64.test(text);
}

function isUri(text: string): boolean {
  try {
    new URL(text);
    return true;
  } catch {
    return text.startsWith('/');
  }
}

function isCidr(text: string): boolean {
  const match = cidr.exec(text);
  const [address, bits] = [match?.[1] ?? '', Number(match?.[2] ?? '999')];
  return (isIPv4(address) && bits <= 32) || (isIPv6(address) && bits <= 128);
}

const checks: Readonly<Record<string, (text: string) => boolean>> = {
  'date-time': isDateTime,
  'micro-time': isMicroTime,
  date: (text) => date.test(text) && !Number.isNaN(Date.parse(text)),
  duration: (text) => isGoDuration(text) || wordDuration.test(text),
  uuid: (text) => uuid.test(text),
  uuid4: (text) => uuid.test(text),
  byte: isBase64,
  email: (text) => email.test(text),
  hostname: (text) => hostname.test(text),
  ipv4: (text) => isIPv4(text),
  ipv6: (text) => isIPv6(text),
  ip: (text) => isIPv4(text) || isIPv6(text),
  cidr: isCidr,
  uri: isUri,
  quantity: (text) => parseQuantity(text) !== undefined,
  mac: (text) => /^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$/.test(text),
};

/** Whether the text has the format; true for a format that nobody checks. */
export function hasFormat(format: string, text: string): boolean {
  return checks[format]?.(text) ?? true;
}
