// A human at the keyboard, as the kernel tells it.
import { execFileSync } from 'node:child_process';
import { constants, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { FakeClock } from '@idlewild/operator/kube/clock.ts';
import { humanDevices } from './input-devices.ts';
import { movementIn, remember, type InputMemory } from './input-events.ts';
import { InputSensor } from './input.ts';

const keyboard = `I: Bus=0011 Vendor=0001 Product=0001 Version=ab41
N: Name="AT Translated Set 2 keyboard"
P: Phys=isa0060/serio0/input0
H: Handlers=sysrq kbd leds event0
B: PROP=0
B: EV=120013
B: KEY=402000000 3803078f800d001 feffffdfffefffff fffffffffffffffe
B: MSC=10
B: LED=7
`;
const mouse = `I: Bus=0003 Vendor=046d Product=c077 Version=0111
N: Name="USB Optical Mouse"
H: Handlers=mouse0 event1
B: PROP=0
B: EV=17
B: KEY=ff0000 0 0 0 0
B: REL=903
B: MSC=10
`;
const powerButton = `I: Bus=0019 Vendor=0000 Product=0001 Version=0000
N: Name="Power Button"
H: Handlers=kbd event2
B: PROP=0
B: EV=3
B: KEY=10000000000000 0
`;
const touchpad = `I: Bus=0018 Vendor=04f3 Product=3087 Version=0100
N: Name="ELAN Touchpad"
H: Handlers=mouse1 event3
B: PROP=5
B: EV=b
B: KEY=e520 10000 0 0 0 0
B: ABS=2e0800000000003
`;
const accelerometer = `N: Name="Accelerometer"
H: Handlers=event4 js0
B: PROP=40
B: EV=9
B: ABS=7
`;
const gamepad = `N: Name="Gamepad"
H: Handlers=event5 js1
B: PROP=0
B: EV=20000b
B: KEY=7cdb000000000000 0 0 0 0
B: ABS=3003f
`;

describe('the devices of humans', () => {
  it('are keyboards, pointers, touchpads and gamepads; buttons and sensors are not', () => {
    const list = [keyboard, mouse, powerButton, touchpad, accelerometer, gamepad].join('\n');
    expect(humanDevices(list).map(({ node, kind }) => [node, kind])).toEqual([
      ['event0', 'keyboard'],
      ['event1', 'pointer'],
      ['event3', 'touch'],
      ['event5', 'joystick'],
    ]);
  });

  it('are none in an empty or a strange list', () => {
    expect(humanDevices('')).toEqual([]);
    expect(humanDevices('N: Name="x"\nH: Handlers=event9\nB: KEY=zz')).toEqual([]);
  });
});

function record(type: number, code: number, value: number): Buffer {
  const bytes = Buffer.alloc(24);
  bytes.writeUInt16LE(type, 16);
  bytes.writeUInt16LE(code, 18);
  bytes.writeInt32LE(value, 20);
  return bytes;
}
const press = record(1, 30, 1);
const release = record(1, 30, 0);
const motion = record(2, 0, 3);
const sync = record(0, 0, 0);

describe('the records of a device', () => {
  it('count presses and motions, not releases or separators', () => {
    expect(movementIn(Buffer.concat([press, sync, release, motion, motion, sync]))).toEqual({ keys: 1, motions: 2 });
  });

  it('are a human at the first key, and after a long calm at the second motion of a pointer', () => {
    const moved = { keys: 0, motions: 1 };
    let memory: InputMemory = { lastMs: 0 };
    for (let minute = 15; minute <= 150; minute += 15) memory = remember(memory, 'pointer', moved, minute * 60_000);
    expect(memory.lastMs).toBe(0);
    memory = remember(memory, 'pointer', moved, 9_000_300);
    expect(memory.lastMs).toBe(9_000_300);
    memory = remember(memory, 'pointer', moved, 9_060_000);
    expect(memory.lastMs).toBe(9_060_000);
    expect(remember({ lastMs: 0 }, 'keyboard', { keys: 1, motions: 0 }, 9_000_000).lastMs).toBe(9_000_000);
  });
});

describe('the input sensor', () => {
  let root: string;
  const clock = new FakeClock();
  const log = pino({ level: 'silent' });
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'iw-input-'));
    mkdirSync(join(root, 'dev/input'), { recursive: true });
    mkdirSync(join(root, 'proc/bus/input'), { recursive: true });
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const list = (...devices: string[]) => writeFileSync(join(root, 'proc/bus/input/devices'), devices.join('\n'));
  /** A pipe in the place of a device node; what is written to it is what the device says. */
  const node = (name: string): number => {
    execFileSync('mkfifo', [join(root, 'dev/input', name)]);
    return openSync(join(root, 'dev/input', name), constants.O_RDWR);
  };

  it('tells how long ago somebody touched the machine, and notices devices that come', async () => {
    const sensor = new InputSensor({ root, clock, log });
    expect(sensor.poll()).toBeUndefined();
    list(keyboard);
    const keys = node('event0');
    await clock.advance(2_000);
    expect(sensor.poll()).toBe(2_000);
    writeSync(keys, Buffer.concat([press, sync, release, sync]));
    expect(sensor.poll()).toBe(0);
    await clock.advance(90_000);
    expect(sensor.poll()).toBe(90_000);
    list(keyboard, mouse);
    const pointer = node('event1');
    await clock.advance(2_000);
    sensor.poll();
    for (let i = 0; i < 200; i++) writeSync(pointer, motion);
    expect(sensor.poll()).toBe(0);
    list();
    await clock.advance(2_000);
    expect(sensor.poll()).toBeUndefined();
    sensor.close();
  });
});
