// What a machine's files say of its owner.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { FakeClock } from '@idlewild/operator/kube/clock.ts';
import { HostSensors } from './host.ts';
import type { LogindReadings } from './logind.ts';
import { onBattery, type Supply } from './power.ts';
import { isFilming } from './camera.ts';
import { isSounding } from './sound.ts';
import { sessionsIn } from './utmp.ts';
import { CoreMeter, memoryStallIn, usageIn } from './work.ts';

const now = Date.UTC(2026, 2, 4);

/** One record as login programs write them. */
function login(type: number, line: string, user: string, host: string, secondsAgo: number): Buffer {
  const record = Buffer.alloc(384);
  record.writeInt16LE(type, 0);
  record.write(line, 8);
  record.write(user, 44);
  record.write(host, 76);
  record.writeUInt32LE(now / 1000 - secondsAgo, 340);
  return record;
}

describe('the file of logins', () => {
  it('tells people at the screen, at a terminal and from elsewhere apart; boots and dead sessions are nobody', () => {
    const file = Buffer.concat([
      login(2, '~', 'reboot', '6.1.0', 9_000),
      login(7, 'tty2', 'ana', ':0', 600),
      login(7, 'pts/1', 'ben', 'desk.example', 30),
      login(8, 'pts/2', 'eve', '', 30),
    ]);
    expect(sessionsIn(file, now)).toMatchObject([
      { id: 'tty2', graphical: true, remote: false, ageMs: 600_000 },
      { id: 'pts/1', graphical: false, remote: true, ageMs: 30_000 },
    ]);
    expect(sessionsIn(Buffer.alloc(100), now)).toEqual([]);
  });
});

describe('the power supply', () => {
  const mains = (online: string): Supply => ({ type: 'Mains', online });
  const battery = (status: string): Supply => ({ type: 'Battery', status });
  it.each<[string, Supply[], boolean | undefined]>([
    ['a desktop that tells nothing', [], undefined],
    ['a desktop with a wireless mouse', [{ type: 'Battery', scope: 'Device', status: 'Discharging' }], undefined],
    ['a notebook at the wall', [mains('1'), battery('Charging')], false],
    ['a notebook on its way', [mains('0'), battery('Discharging')], true],
    ['a notebook charged over USB', [{ type: 'USB', online: '1' }, battery('Full')], false],
    ['a full battery without a plug', [mains('0'), battery('Full')], true],
  ])('%s', (_what, supplies, expected) => {
    expect(onBattery(supplies)).toBe(expected);
  });
});

describe('a camera', () => {
  const asleep = { interface: 'suspended', device: 'suspended', control: 'auto' };
  const awake = { interface: 'active', device: 'active', control: 'auto' };
  it.each([
    ['that sleeps is not used', [asleep], false],
    ['that is awake is used', [asleep, awake], true],
    ['is not used while only its microphone is', [{ ...asleep, device: 'active' }], false],
    ['that may not sleep says nothing', [{ ...awake, control: 'on' }], undefined],
    ['that knows no sleep says nothing', [{ ...awake, interface: 'unsupported' }], undefined],
    ['of another bus says nothing', [{ interface: 'active', device: undefined, control: undefined }], undefined],
    ['that is not there says nothing', [], undefined],
  ])('%s', (_what, cameras, expected) => {
    expect(isFilming(cameras)).toBe(expected);
  });
});

describe('sound', () => {
  const running = 'state: RUNNING\nowner_pid   : 812\ntrigger_time: 5.1\n';
  it.each<[string, (string | undefined)[], boolean | undefined]>([
    ['of a machine without a card', [], undefined],
    ['that nobody may look at', [undefined], undefined],
    ['is off', ['closed\n', 'closed\n'], false],
    ['is kept ready by a sound server', ['state: PREPARED\nowner_pid   : 812\n', 'closed\n'], false],
    ['is played', ['closed\n', running], true],
    ['is recorded on the second card', ['closed\n', 'closed\n', running], true],
  ])('%s', (_what, statuses, expected) => {
    expect(isSounding(statuses)).toBe(expected);
  });
});

describe('the owner’s work', () => {
  it('is the processor time of the owner’s slice over the last minute', () => {
    const meter = new CoreMeter();
    expect(meter.add(0, 0)).toBeUndefined();
    expect(meter.add(10_000, 5_000_000)).toBeUndefined();
    expect(meter.add(60_000, 30_000_000)).toBeCloseTo(0.5);
    expect(meter.add(120_000, 150_000_000)).toBeCloseTo(2);
    expect(meter.add(130_000, 1_000)).toBeUndefined();
  });

  it('is read from the kernel’s words, and unknown where there are none', () => {
    expect(usageIn('usage_usec 123\nuser_usec 100\n')).toBe(123);
    expect(memoryStallIn('some avg10=9.00 avg60=0.00\nfull avg10=7.52 avg60=0.00 avg300=0.00 total=1\n')).toBe(7.52);
    expect([usageIn(''), memoryStallIn('')]).toEqual([undefined, undefined]);
  });
});

describe('the sensors of a machine', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'iw-host-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));
  const write = (path: string, content: string | Buffer): string => {
    const file = join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
    return file;
  };

  it('are unknown one by one', () => {
    const sensors = new HostSensors({ root, clock: new FakeClock(now), log: pino({ level: 'silent' }) });
    expect(Object.values(sensors.read()).every((value) => value === undefined)).toBe(true);
  });

  it('are read together', () => {
    write('run/utmp', login(7, 'tty2', 'ana', ':0', 600));
    write('proc/pressure/memory', 'full avg10=1.00 avg60=0');
    write('proc/acpi/button/lid/LID0/state', 'state:      closed\n');
    write('sys/class/power_supply/AC/type', 'Mains\n');
    write('sys/class/power_supply/AC/online', '1\n');
    write('proc/asound/card0/pcm0p/sub0/status', 'closed\n');
    write('proc/asound/card1/pcm3c/sub0/status', 'state: RUNNING\n');
    utimesSync(write('dev/tty2', ''), now / 1000 - 120, now / 1000);
    const sensors = new HostSensors({ root, clock: new FakeClock(now), log: pino({ level: 'silent' }) });
    expect(sensors.read()).toMatchObject({
      sessions: [{ id: 'tty2' }],
      memoryStall: 1,
      watching: true,
      lidClosed: true,
      onBattery: false,
      terminalMs: 120_000,
    });
    sensors.close();
  });

  it('see a camera that is awake where the kernel links to it', () => {
    const usb = 'sys/devices/usb1/1-5';
    write(`${usb}/power/control`, 'auto\n');
    write(`${usb}/power/runtime_status`, 'active\n');
    const own = write(`${usb}/1-5:1.0/power/runtime_status`, 'active\n');
    mkdirSync(join(root, 'sys/class/video4linux/video0'), { recursive: true });
    symlinkSync('../../../devices/usb1/1-5/1-5:1.0', join(root, 'sys/class/video4linux/video0/device'));
    const sensors = new HostSensors({ root, clock: new FakeClock(now), log: pino({ level: 'silent' }) });
    expect(sensors.read().watching).toBe(true);
    writeFileSync(own, 'suspended\n');
    expect(sensors.read().watching).toBe(false);
    sensors.close();
  });

  it('let logind say who is logged in, and believe whoever sees a battery or a closed lid', () => {
    write('run/utmp', login(7, 'tty2', 'ana', ':0', 600));
    write('proc/acpi/button/lid/LID0/state', 'state:      open\n');
    let said: LogindReadings = { sessions: [], watching: true, onBattery: true, lidClosed: true, leaving: true };
    const logind = { readings: () => said };
    const sensors = new HostSensors({ root, clock: new FakeClock(now), log: pino({ level: 'silent' }), logind });
    expect(sensors.read()).toMatchObject(said);
    said = {};
    expect(sensors.read()).toMatchObject({ sessions: [{ id: 'tty2' }], lidClosed: false, watching: undefined });
    sensors.close();
  });
});
