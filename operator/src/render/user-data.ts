// The script that a guest runs as its user-data: files, scratch disk, the user's script, markers on the serial console.
// Promises: POSIX sh and base64 only, no network, no package; whatever the user's files and script contain is carried as
// base64 and never read by the wrapper's own shell. The wrapper's markers are what markers.ts reads.

import { installCheckpoint, type CheckpointPlaces } from './checkpoint.ts';
import { quoted } from './shell-word.ts';

export interface GuestFile {
  /** Absolute. */
  readonly path: string;
  /** Base64 of the content. */
  readonly base64: string;
  /** Octal, such as "0644". */
  readonly mode: string;
}

export interface UserData {
  /** Hexadecimal; makes this attempt's markers unlike any other's. */
  readonly nonce: string;
  readonly mode: 'Batch' | 'Session';
  readonly script?: string | undefined;
  readonly files: readonly GuestFile[];
  /** Whether a scratch disk (serial "scratch") is attached. */
  readonly scratch: boolean;
  /** Run when the guest is asked to power off. */
  readonly checkpoint?: { readonly script: string; readonly withinSeconds: number } | undefined;
}

/** Where things are in the guest, and how it is powered off. */
export interface GuestPlaces extends CheckpointPlaces {
  readonly home: string;
  readonly scratch: string;
  /** Keeps kernel messages off the serial line. */
  readonly quieten: string;
  /** Has the kernel reboot after a panic: KubeVirt is told of none, and the guest would stand there for ever. */
  readonly rebootOnPanic: string;
  /** The command that waits for so many seconds as its argument says. */
  readonly wait: string;
  /** cloud-init's notes that it has run the user-data; a pattern of the shell. */
  readonly ranNotes: string;
  readonly powerOff: string;
}

export const guestPlaces: GuestPlaces = {
  terminal: '/dev/ttyS0',
  home: '/root',
  scratch: '/scratch',
  state: '/var/lib/idlewild',
  quieten: 'dmesg -n 1 2>/dev/null',
  rebootOnPanic: '{ echo 10 >/proc/sys/kernel/panic; } 2>/dev/null',
  wait: 'sleep',
  ranNotes: '/var/lib/cloud/instance/sem/config?scripts?user',
  powerOff: 'poweroff -f || poweroff || systemctl poweroff',
  units: '/run/systemd/system',
  inittab: '/etc/inittab',
  rereadInittab: 'kill -HUP 1',
};

/** KubeVirt's board for arm64 has another serial line (QEMU's virt, with a PL011). */
export function placesOn(architecture: string): GuestPlaces {
  return architecture === 'arm64' ? { ...guestPlaces, terminal: '/dev/ttyAMA0' } : guestPlaces;
}

/** Exit code of a job whose files could not be written, so that its script never ran. */
export const filesFailedCode = 125;

/** @param base64 UTF-8 to base64; injected, as this file must run anywhere. */
export function renderUserData(
  data: UserData,
  base64: (text: string) => string,
  places: GuestPlaces = guestPlaces,
): string {
  const { script, checkpoint } = data;
  const files = data.files.map((file) => writeFile(file.path, file.base64, file.mode)).join('');
  const parts = [
    head(data.nonce, places),
    data.mode === 'Batch' ? runAgain(places) : '',
    data.scratch ? scratchDisk(places) : '',
    files,
    script === undefined ? '' : writeFile(`${places.state}/script`, base64(script), '0700'),
    checkpoint === undefined
      ? ''
      : writeFile(`${places.state}/checkpoint`, base64(checkpoint.script), '0700') +
        installCheckpoint(checkpoint, places),
    'mark start\n',
    script === undefined ? 'code=0\n' : runScript(script, places),
    data.mode === 'Batch' ? reportExit(places) : 'mark ready\n',
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function head(nonce: string, places: GuestPlaces): string {
  return `#!/bin/sh
# Written by Idlewild: prepares the guest, runs the job's script and reports on the serial console.
: "\${PATH:=/usr/sbin:/usr/bin:/sbin:/bin}" "\${HOME:=${places.home}}"
export PATH HOME
umask 022
terminal=${quoted(places.terminal)}
work=${quoted(places.home)}
failed=
${places.quieten}
${places.rebootOnPanic}
mark() { printf '\\nidlewild:%s:%s\\n' ${quoted(nonce)} "$1" >>"$terminal"; }
say() { printf 'idlewild: %s\\n' "$1" >>"$terminal"; }
now() { date +%s 2>/dev/null || echo 0; }
begun=$(now)
`;
}

/**
 * After a reboot cloud-init would not run a script a second time, and nobody would ever end the job. In a session the user is there,
 * and may have rebooted on purpose.
 */
function runAgain({ ranNotes }: GuestPlaces): string {
  return `rm -f ${ranNotes}\n`;
}

/** A blank disk is formatted; one that carries data (the guest was reset) is mounted as it is. */
function scratchDisk(places: GuestPlaces): string {
  return `scratch_disk() {
  if [ -b /dev/disk/by-id/virtio-scratch ]; then echo /dev/disk/by-id/virtio-scratch; return; fi
  for serial in /sys/block/vd*/serial; do
    [ -r "$serial" ] && [ "$(cat "$serial")" = scratch ] || continue
    serial=\${serial%/serial}
    echo "/dev/\${serial##*/}"
    return
  done
}
mount_scratch() {
  mkdir -p ${quoted(places.scratch)}
  tries=0
  until disk=$(scratch_disk) && [ -n "$disk" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 20 ]; then say 'the scratch disk was not found'; return 1; fi
    sleep 0.2 2>/dev/null || sleep 1
  done
  mount "$disk" ${quoted(places.scratch)} 2>/dev/null && return
  if [ "$(dd if="$disk" bs=4096 count=16 2>/dev/null | tr -d '\\000' | wc -c)" -ne 0 ]; then
    say 'the scratch disk holds something that cannot be mounted'
    return 1
  fi
  mkfs.ext4 -q -F "$disk" >/dev/null 2>&1 || mke2fs -q -F "$disk" >/dev/null 2>&1 || mke2fs -F "$disk" >/dev/null 2>&1 ||
    mkfs.ext2 -F "$disk" >/dev/null 2>&1
  mount "$disk" ${quoted(places.scratch)} || { say 'the scratch disk could not be mounted'; return 1; }
}
if mount_scratch; then work=${quoted(places.scratch)}; else failed=1; fi
`;
}

function writeFile(path: string, base64: string, mode: string): string {
  const folder = path.slice(0, path.lastIndexOf('/')) || '/';
  const lines = base64.match(/.{1,76}/g) ?? [];
  const content = [...lines, 'IDLEWILD_END'].join('\n');
  const name = quoted(path);
  // The file is empty and private until its mode is set, so that a secret is never readable in between.
  return `{ mkdir -p ${quoted(folder)} && (umask 077 && base64 -d >${name}) && chmod ${mode} ${name}; } <<'IDLEWILD_END' || { say ${quoted(`could not write ${path}`)}; failed=1; }
${content}
`;
}

function runScript(script: string, places: GuestPlaces): string {
  const file = quoted(`${places.state}/script`);
  const command = script.startsWith('#!') ? file : `/bin/sh ${file}`;
  return `if [ -n "$failed" ]; then
  code=${filesFailedCode}
else
  (mkdir -p "$work" && cd "$work" && exec ${command}) </dev/null >>"$terminal" 2>&1
  code=$?
fi
`;
}

/**
 * Said three times, for a line of noise may cut one in two; then the line is given time to drain. Between them the log is let catch
 * up: KubeVirt has a hundredth of a core for copying the console into it, and what is not copied when the guest goes off is lost. The
 * longer the script ran, the more may be left to copy, and the less does the pause matter.
 */
function reportExit(places: GuestPlaces): string {
  return `rest=$((($(now) - begun) / 20))
[ "$rest" -ge 1 ] || rest=1
[ "$rest" -le 10 ] || rest=10
mark "exit:$code"
${places.wait} "$rest"
mark "exit:$code"
${places.wait} "$rest"
mark "exit:$code"
[ ! -c "$terminal" ] || stty -F "$terminal" onlcr 2>/dev/null || sleep 1
${places.powerOff}
`;
}
