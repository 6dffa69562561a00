// Kubernetes quantities (`4Gi`, `1500m`, `1e3`) as exact numbers. A quantity is a BigInt of nano units, the finest step
// that Kubernetes keeps. Reading only: the text a user wrote is what stays stored.

const shape = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)(?:(Ki|Mi|Gi|Ti|Pi|Ei)|([numkMGTPE])|[eE]([+-]?\d{1,3}))?$/;
const binary: Readonly<Record<string, bigint>> = {
  Ki: 1n << 10n,
  Mi: 1n << 20n,
  Gi: 1n << 30n,
  Ti: 1n << 40n,
  Pi: 1n << 50n,
  Ei: 1n << 60n,
};
const decimalExponent: Readonly<Record<string, number>> = {
  n: -9,
  u: -6,
  m: -3,
  k: 3,
  M: 6,
  G: 9,
  T: 12,
  P: 15,
  E: 18,
};

/** A parsed quantity; `nano` is the value times 10^9, rounded up in magnitude. */
export class Quantity {
  readonly nano: bigint;
  constructor(nano: bigint) {
    this.nano = nano;
  }
}

/** The quantity in the text, or undefined if it is none. */
export function parseQuantity(text: string): Quantity | undefined {
  const match = shape.exec(text);
  if (!match) return undefined;
  const [, sign = '', digits = '', binarySuffix, decimalSuffix, exponent] = match;
  const [whole = '', fraction = ''] = digits.split('.');
  const mantissa = BigInt(whole + fraction || '0');
  const power = 9 + (decimalSuffix ? (decimalExponent[decimalSuffix] ?? 0) : Number(exponent ?? 0)) - fraction.length;
  const scaled = mantissa * (binarySuffix ? (binary[binarySuffix] ?? 1n) : 1n);
  const nano = power >= 0 ? scaled * 10n ** BigInt(power) : divideUp(scaled, 10n ** BigInt(-power));
  return new Quantity(sign === '-' ? -nano : nano);
}

function divideUp(value: bigint, divisor: bigint): bigint {
  return (value + divisor - 1n) / divisor;
}
