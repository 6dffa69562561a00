// What logind knows of the machine as a whole (org.freedesktop.login1.Manager).
// Promises: pure; a property that is not there is unknown.

import type { Properties } from './logind-session.ts';

export interface MachineFacts {
  /** Somebody asked that the machine not be called idle: a film, a call, a presentation. */
  readonly watching?: boolean | undefined;
  readonly onBattery?: boolean | undefined;
  readonly lidClosed?: boolean | undefined;
  readonly preparing: { readonly shutdown: boolean; readonly sleep: boolean };
  /** The longest that a shutdown waits for anybody, ms. */
  readonly inhibitDelayMaxMs?: number | undefined;
}

export function machineFacts(properties: Properties): MachineFacts {
  const flag = (name: string): boolean | undefined => {
    const value = properties[name];
    return typeof value === 'boolean' ? value : undefined;
  };
  const blocked = properties['BlockInhibited'];
  const external = flag('OnExternalPower');
  const delayUs = properties['InhibitDelayMaxUSec'];
  return {
    watching: typeof blocked === 'string' ? blocked.split(':').includes('idle') : undefined,
    onBattery: external === undefined ? undefined : !external,
    lidClosed: flag('LidClosed'),
    preparing: { shutdown: flag('PreparingForShutdown') ?? false, sleep: flag('PreparingForSleep') ?? false },
    inhibitDelayMaxMs: typeof delayUs === 'bigint' ? Number(delayUs / 1000n) : undefined,
  };
}

/** What two sources say of one danger: whoever sees it is believed. */
export function either(one: boolean | undefined, other: boolean | undefined): boolean | undefined {
  return one || other ? true : (one ?? other);
}
