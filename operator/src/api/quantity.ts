// Kubernetes quantities ("1500m", "2Gi", "1e3", 128974848) as exact numbers.
// Promises: parsed in whole nano units, so that no sum of parts drifts; what is finer than a nano is rounded up, as
// Kubernetes does (apimachinery pkg/api/resource). Refuses anything else with the text that it was given.

const suffixes: Readonly<Record<string, bigint>> = {
  n: 1n,
  u: 1_000n,
  m: 1_000_000n,
  '': 10n ** 9n,
  k: 10n ** 12n,
  M: 10n ** 15n,
  G: 10n ** 18n,
  T: 10n ** 21n,
  P: 10n ** 24n,
  E: 10n ** 27n,
  Ki: 10n ** 9n * 2n ** 10n,
  Mi: 10n ** 9n * 2n ** 20n,
  Gi: 10n ** 9n * 2n ** 30n,
  Ti: 10n ** 9n * 2n ** 40n,
  Pi: 10n ** 9n * 2n ** 50n,
  Ei: 10n ** 9n * 2n ** 60n,
};

const form = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,18})|([numkMGTPE]|[KMGTPE]i)?)$/;

const nanosPerUnit = 10n ** 9n;
const nanosPerMilli = 10n ** 6n;
const farPower = 100;

/** The quantity in nano units (1 core = 10^9, 1 byte = 10^9). Throws RangeError when it is not one. */
export function parseQuantity(quantity: string | number): bigint {
  const text = typeof quantity === 'number' ? String(quantity) : quantity;
  const match = form.exec(text);
  const [, sign = '', whole = '', fraction = '', exponent, suffix = ''] = match ?? [];
  if (!match || whole + fraction === '') {
    throw new RangeError(
      `quantity: "${text}" is not a number with an optional suffix such as m, k, M, G, Ki, Mi or Gi`,
    );
  }
  const unit = suffixes[suffix] ?? nanosPerUnit;
  let numerator = BigInt(whole + fraction) * unit;
  let denominator = 10n ** BigInt(fraction.length);
  const power = exponent === undefined ? 0 : powerOf(exponent);
  if (power >= 0) numerator *= 10n ** BigInt(power);
  else denominator *= 10n ** BigInt(-power);
  const nanos = divideUp(numerator, denominator);
  return sign === '-' ? -nanos : nanos;
}

/**
 * Kubernetes reads an exponent however long it is, keeps the lowest 32 bits of it, and has a ceiling for what comes of it. Beyond
 * what is ever compared here any two amounts are alike.
 */
function powerOf(exponent: string): number {
  return Math.max(-farPower, Math.min(farPower, Number(BigInt.asIntN(32, BigInt(exponent.replace('+', ''))))));
}

/** In whole or broken units: cores, bytes. */
export function quantityToNumber(quantity: string | number): number {
  const nanos = parseQuantity(quantity);
  return Number(nanos / nanosPerUnit) + Number(nanos % nanosPerUnit) / 1e9;
}

/** In bytes, rounded up. */
export function quantityToBytes(quantity: string | number): number {
  return roundUp(parseQuantity(quantity), nanosPerUnit);
}

/** In thousandths (millicores), rounded up. */
export function quantityToMillis(quantity: string | number): number {
  return roundUp(parseQuantity(quantity), nanosPerMilli);
}

/** In MiB, rounded up. */
export function quantityToMebibytes(quantity: string | number): number {
  return roundUp(parseQuantity(quantity), nanosPerUnit * 2n ** 20n);
}

/** @param mib whole MiB; "2048Mi" for 2048. */
export function formatMemoryMi(mib: number): string {
  if (!Number.isSafeInteger(mib) || mib < 0) throw new RangeError(`mib: must be a whole number of MiB, is ${mib}`);
  return `${mib}Mi`;
}

/** @param millis whole thousandths; "2" for 2000, "1500m" for 1500. */
export function formatMillis(millis: number): string {
  if (!Number.isSafeInteger(millis)) throw new RangeError(`millis: must be a whole number, is ${millis}`);
  return millis % 1000 === 0 ? String(millis / 1000) : `${millis}m`;
}

function divideUp(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator;
}

/** Away from zero, as Quantity.ScaledValue rounds. */
function roundUp(nanos: bigint, unit: bigint): number {
  return Number(nanos < 0n ? -divideUp(-nanos, unit) : divideUp(nanos, unit));
}
