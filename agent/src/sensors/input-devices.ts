// Which input devices of a machine a human uses, from the kernel's own list (/proc/bus/input/devices).
// Promises: power buttons, lid switches, headset keys, PC speakers and accelerometers are nobody's hands. The rules are those
// by which udev names devices: a keyboard has the whole row of letters, a pointer moves and clicks.

export type InputKind = 'keyboard' | 'pointer' | 'touch' | 'joystick';

export interface InputDevice {
  readonly name: string;
  /** The node under /dev/input, such as event3. */
  readonly node: string;
  readonly kind: InputKind;
}

const ev = { key: 1, rel: 2, abs: 3 } as const;
const axis = { x: 0, y: 1 } as const;
const key = { left: 0x110, touch: 0x14a, joystick: 0x120, gamepad: 0x130 } as const;
const propertyAccelerometer = 6;
/** Keys 1 to 31: escape, digits and the upper rows of letters. */
const letters = 0xfffffffen;

export function humanDevices(list: string): InputDevice[] {
  return list.split(/\n\s*\n/).flatMap((block) => {
    const name = /^N: Name="(.*)"$/m.exec(block)?.[1] ?? '';
    const node = /^H: Handlers=.*\b(event\d+)\b/m.exec(block)?.[1];
    const kind = kindOf(block);
    return node === undefined || kind === undefined ? [] : [{ name, node, kind }];
  });
}

function kindOf(block: string): InputKind | undefined {
  const bits = (field: string): bigint => bitmapOf(new RegExp(`^B: ${field}=(.*)$`, 'm').exec(block)?.[1] ?? '0');
  const events = bits('EV');
  const keys = bits('KEY');
  if (has(bits('PROP'), propertyAccelerometer)) return undefined;
  if (has(events, ev.abs) && (has(keys, key.joystick) || has(keys, key.gamepad))) return 'joystick';
  const absolute = bits('ABS');
  if (has(events, ev.abs) && has(absolute, axis.x) && has(absolute, axis.y)) {
    if (has(keys, key.touch) || has(keys, key.left)) return 'touch';
  }
  const relative = bits('REL');
  if (has(events, ev.rel) && has(relative, axis.x) && has(relative, axis.y) && has(keys, key.left)) return 'pointer';
  if (has(events, ev.key) && (keys & letters) === letters) return 'keyboard';
  return undefined;
}

/** Words of 64 bits in hexadecimal, the highest first; leading zeros are left out. */
function bitmapOf(words: string): bigint {
  const valid = words
    .trim()
    .split(/\s+/)
    .filter((word) => /^[0-9a-f]{1,16}$/i.test(word));
  return valid.reduce((all, word) => (all << 64n) | BigInt(`0x${word}`), 0n);
}

function has(bits: bigint, index: number): boolean {
  return ((bits >> BigInt(index)) & 1n) === 1n;
}
