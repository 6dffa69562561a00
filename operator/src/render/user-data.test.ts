// The wrapper script does what it says in the shells that guests have: busybox and dash, with a file in place of the serial
// line, a temporary directory in place of the root, and a note in place of the power switch and the kernel.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MarkerReader } from './markers.ts';
import { guestPlaces, placesOn, renderUserData, type GuestPlaces, type UserData } from './user-data.ts';

const nonce = '0123456789abcdef';
const base64 = (text: string): string => Buffer.from(text).toString('base64');

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'idlewild-guest-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function places(): GuestPlaces {
  return {
    terminal: join(root, 'ttyS0'),
    home: join(root, 'root'),
    scratch: join(root, 'scratch'),
    state: join(root, 'state'),
    quieten: ':',
    rebootOnPanic: `echo 10 >'${join(root, 'panic')}'`,
    wait: waiting(),
    ranNotes: join(root, 'sem/config?scripts?user'),
    powerOff: `echo off >>'${join(root, 'power')}'`,
    units: join(root, 'units'),
    inittab: join(root, 'inittab'),
    rereadInittab: `echo again >>'${join(root, 'init')}'`,
  };
}

/** Notes for how long it is asked to wait, and does not. */
function waiting(): string {
  return `echo >>'${join(root, 'waits')}'`;
}

/** The programs of busybox and nothing else. */
function busyboxPath(): string {
  const bin = join(root, 'bin');
  rmSync(bin, { recursive: true, force: true });
  mkdirSync(bin);
  const list = spawnSync('busybox', ['--list'], { encoding: 'utf8' }).stdout.split('\n');
  for (const applet of list.filter((name) => name !== '')) symlinkSync('/bin/busybox', join(bin, applet));
  return bin;
}

function run(shell: 'busybox' | 'dash', data: Partial<UserData>, edit = (text: string): string => text) {
  const script = join(root, 'user-data');
  const all = { nonce, mode: 'Batch', files: [], scratch: false, ...data } as const;
  writeFileSync(script, edit(renderUserData(all, base64, places())));
  chmodSync(script, 0o755);
  const command = shell === 'busybox' ? ['busybox', 'sh', script] : ['dash', script];
  const path = shell === 'busybox' ? busyboxPath() : (process.env.PATH ?? '');
  const [program = '', ...args] = command;
  const ended = spawnSync(program === 'busybox' ? '/bin/busybox' : '/bin/dash', args, {
    encoding: 'utf8',
    env: { PATH: path, HOME: join(root, 'root') },
  });
  const console = readFileSync(places().terminal, 'latin1');
  return {
    console,
    stderr: ended.stderr,
    markers: new MarkerReader(nonce).read(console),
    powerOffs: read('power')
      .split('\n')
      .filter((line) => line === 'off').length,
  };
}

function read(file: string): string {
  try {
    return readFileSync(join(root, file), 'utf8');
  } catch {
    return '';
  }
}

describe.each(['busybox', 'dash'] as const)('the wrapper under %s', (shell) => {
  it('prints the start, the output of the script on both streams, and the exit code three times, then powers off', () => {
    const { console, markers, stderr, powerOffs } = run(shell, { script: 'echo out; echo err >&2; exit 3' });
    expect(stderr).toBe('');
    expect(markers).toEqual([{ kind: 'start' }, ...Array(3).fill({ kind: 'exit', code: 3 })]);
    expect(console.indexOf('start')).toBeLessThan(console.indexOf('out\nerr\n'));
    expect(powerOffs).toBe(1);
  });

  it('leaves the log time to take in the exit code before it powers off, the more the longer the script ran', () => {
    run(shell, { script: 'true' });
    expect(read('waits')).toBe('1\n1\n');
    // What the wrapper takes for the time: 100 s more at each look.
    const clock = join(root, 'clock');
    const hour = `date() { n=$(cat '${clock}' 2>/dev/null || echo 0); n=$((n + 100)); echo "$n" >'${clock}'; echo "$n"; }\n`;
    const timed = (step: string): string => {
      rmSync(join(root, 'waits'));
      rmSync(clock, { force: true });
      run(shell, { script: 'true' }, (text) => text.replace('now() {', `${hour.replace('100', step)}now() {`));
      return read('waits');
    };
    expect([timed('100'), timed('4000'), timed('-50')]).toEqual(['5\n5\n', '10\n10\n', '1\n1\n']);
  });

  it('has the guest reboot after a panic of its kernel, of which nobody outside is told', () => {
    run(shell, { script: 'true' });
    expect(read('panic')).toBe('10\n');
  });

  it('has cloud-init run it again after a reboot, but not in a session', () => {
    const note = join(root, 'sem/config_scripts_user');
    const noted = () => readdirSync(join(root, 'sem'));
    mkdirSync(join(root, 'sem'));
    writeFileSync(note, '');
    writeFileSync(join(root, 'sem/config_scripts_vendor'), '');
    run(shell, { mode: 'Session' });
    expect(noted()).toContain('config_scripts_user');
    rmSync(join(root, 'bin'), { recursive: true, force: true });
    run(shell, { script: 'true' });
    expect(noted()).toEqual(['config_scripts_vendor']);
  });

  it.each([
    ['the interpreter of its first line', `#!/usr/bin/env awk -f\nBEGIN { print "awk says " 6 * 7 }`, 0, 'awk says 42'],
    ['a shell when it names none', 'echo "$0" | grep -c script', 0, '1'],
    ['127 for an interpreter that is not there', '#!/no/such/interpreter\n', 127, ''],
    ['its own working directory', 'pwd', 0, '/root'],
    ['text of any kind', `printf '%s\\n' 'it'"'"'s $HOME \`x\` \\\\ "q" ünïcode'`, 0, `it's $HOME \`x\` \\\\ "q" `],
    ['no input to wait for', 'read -r line || echo nothing', 0, 'nothing'],
    ['the last line without a newline', 'printf end', 0, 'end\n'],
  ])('gives the script %s', (_name, script, code, printed) => {
    const { console, markers } = run(shell, { script: script.replace('/usr/bin/env awk -f', '/usr/bin/awk -f') });
    expect(markers.at(-1)).toEqual({ kind: 'exit', code });
    expect(console).toContain(printed);
  });

  it('writes files with their modes and folders, whatever they hold, before the script starts', () => {
    const binary = Buffer.from(Array.from({ length: 300 }, (_, index) => index % 256));
    const path = join(root, "etc/it's here/key");
    const { markers, console } = run(shell, {
      files: [
        { path, base64: binary.toString('base64'), mode: '0600' },
        { path: join(root, 'empty'), base64: '', mode: '0755' },
        { path: join(root, 'text'), base64: base64('IDLEWILD_END\n$HOME `x`\n'), mode: '0644' },
      ],
      script: `cat '${join(root, 'text')}'`,
    });
    expect(readFileSync(path)).toEqual(binary);
    expect(statSync(path).mode & 0o7777).toBe(0o600);
    expect(statSync(join(root, 'empty')).mode & 0o7777).toBe(0o755);
    expect(statSync(join(root, 'empty')).size).toBe(0);
    expect(console).toContain('IDLEWILD_END\n$HOME `x`\n');
    expect(markers.at(-1)).toEqual({ kind: 'exit', code: 0 });
  });

  it('does not run the script when a file cannot be written, and says which', () => {
    writeFileSync(join(root, 'blocked'), '');
    const { markers, console } = run(shell, {
      files: [{ path: join(root, 'blocked/file'), base64: '', mode: '0644' }],
      script: 'echo ran',
    });
    expect(markers.at(-1)).toEqual({ kind: 'exit', code: 125 });
    expect(console).toContain(`could not write ${join(root, 'blocked/file')}`);
    expect(console).not.toContain('ran\n');
  });

  it('has the checkpoint script run, where the job works, before busybox init powers off', () => {
    writeFileSync(join(root, 'inittab'), '::sysinit:/start\n::shutdown:/bin/umount -a -r\n');
    const script = 'mkdir -p work; echo 7 >step';
    const checkpoint = { script: '#!/bin/sh\necho at $(cat step)\nexit 4\n', withinSeconds: 30 };
    const { console, stderr } = run(shell, { script, checkpoint });
    expect([stderr, console.includes('at 7')]).toEqual(['', false]);
    const hook = join(root, 'state/before-power-off');
    expect(read('inittab')).toBe(`::shutdown:${hook}\n::sysinit:/start\n::shutdown:/bin/umount -a -r\n`);
    expect(read('init')).toBe('again\n');
    expect(spawnSync(hook, { env: {} }).status).toBe(0);
    expect(read('ttyS0')).toMatch(/saving the work\nat 7\nidlewild: the checkpoint script ended with exit code 4\n$/);
  });

  it('says so when nothing would run the checkpoint script', () => {
    const { console } = run(shell, { script: 'true', checkpoint: { script: 'true', withinSeconds: 30 } });
    expect(console).toContain('nothing here runs the checkpoint script before the guest is powered off');
  });

  it('lets a session stay: it says ready instead of an exit code, and leaves the power on', () => {
    expect(run(shell, { mode: 'Session' })).toMatchObject({
      markers: [{ kind: 'start' }, { kind: 'ready' }],
      powerOffs: 0,
    });
    rmSync(join(root, 'ttyS0'));
    rmSync(join(root, 'bin'), { recursive: true, force: true });
    const prepared = run(shell, { mode: 'Session', script: 'echo prepared; exit 4' });
    expect(prepared.markers).toEqual([{ kind: 'start' }, { kind: 'ready' }]);
    expect(prepared.console).toContain('prepared\n');
  });

  it('carries a script of the largest allowed size', () => {
    const script = `: ${'x'.repeat(262_000)}\necho done`;
    expect(run(shell, { script }).console).toContain('done\n');
  });
});

describe('the serial line of a guest', () => {
  it('is another one on the board for arm64', () => {
    expect(placesOn('amd64')).toBe(guestPlaces);
    expect([guestPlaces.terminal, placesOn('arm64').terminal]).toEqual(['/dev/ttyS0', '/dev/ttyAMA0']);
  });
});
