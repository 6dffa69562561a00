// Whether the machine runs on its battery, from what the kernel says of each power supply (/sys/class/power_supply).
// Promises: pure; the batteries of mice and keyboards are not the machine's.

export interface Supply {
  readonly type: string;
  readonly scope?: string | undefined;
  readonly online?: string | undefined;
  readonly status?: string | undefined;
}

/** Undefined for a machine without a battery, or one that does not tell. */
export function onBattery(supplies: readonly Supply[]): boolean | undefined {
  const own = supplies.filter(({ scope }) => scope !== 'Device');
  const mains = own.filter(({ type }) => type === 'Mains' || type.startsWith('USB'));
  const batteries = own.filter(({ type }) => type === 'Battery');
  if (batteries.length === 0) return mains.length > 0 ? false : undefined;
  if (mains.some(({ online }) => online === '1')) return false;
  if (batteries.some(({ status }) => status === 'Discharging')) return true;
  return mains.length > 0 ? mains.every(({ online }) => online === '0') : undefined;
}
