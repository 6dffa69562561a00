#!/bin/sh
# Written by Idlewild: prepares the guest, runs the job's script and reports on the serial console.
: "${PATH:=/usr/sbin:/usr/bin:/sbin:/bin}" "${HOME:=/root}"
export PATH HOME
umask 022
terminal=/dev/ttyS0
work=/root
failed=
dmesg -n 1 2>/dev/null
{ echo 10 >/proc/sys/kernel/panic; } 2>/dev/null
mark() { printf '\nidlewild:%s:%s\n' 0123456789abcdef "$1" >>"$terminal"; }
say() { printf 'idlewild: %s\n' "$1" >>"$terminal"; }
now() { date +%s 2>/dev/null || echo 0; }
begun=$(now)

rm -f /var/lib/cloud/instance/sem/config?scripts?user

scratch_disk() {
  if [ -b /dev/disk/by-id/virtio-scratch ]; then echo /dev/disk/by-id/virtio-scratch; return; fi
  for serial in /sys/block/vd*/serial; do
    [ -r "$serial" ] && [ "$(cat "$serial")" = scratch ] || continue
    serial=${serial%/serial}
    echo "/dev/${serial##*/}"
    return
  done
}
mount_scratch() {
  mkdir -p /scratch
  tries=0
  until disk=$(scratch_disk) && [ -n "$disk" ]; do
    tries=$((tries + 1))
    if [ "$tries" -gt 20 ]; then say 'the scratch disk was not found'; return 1; fi
    sleep 0.2 2>/dev/null || sleep 1
  done
  mount "$disk" /scratch 2>/dev/null && return
  if [ "$(dd if="$disk" bs=4096 count=16 2>/dev/null | tr -d '\000' | wc -c)" -ne 0 ]; then
    say 'the scratch disk holds something that cannot be mounted'
    return 1
  fi
  mkfs.ext4 -q -F "$disk" >/dev/null 2>&1 || mke2fs -q -F "$disk" >/dev/null 2>&1 || mke2fs -F "$disk" >/dev/null 2>&1 ||
    mkfs.ext2 -F "$disk" >/dev/null 2>&1
  mount "$disk" /scratch || { say 'the scratch disk could not be mounted'; return 1; }
}
if mount_scratch; then work=/scratch; else failed=1; fi

{ mkdir -p /etc && (umask 077 && base64 -d >/etc/motd) && chmod 0644 /etc/motd; } <<'IDLEWILD_END' || { say 'could not write /etc/motd'; failed=1; }
d2VsY29tZQo=
IDLEWILD_END

{ mkdir -p /var/lib/idlewild && (umask 077 && base64 -d >/var/lib/idlewild/script) && chmod 0700 /var/lib/idlewild/script; } <<'IDLEWILD_END' || { say 'could not write /var/lib/idlewild/script'; failed=1; }
IyEvYmluL2Jhc2gKZWNobyBoZWxsbwo=
IDLEWILD_END

mark start

if [ -n "$failed" ]; then
  code=125
else
  (mkdir -p "$work" && cd "$work" && exec /var/lib/idlewild/script) </dev/null >>"$terminal" 2>&1
  code=$?
fi

rest=$((($(now) - begun) / 20))
[ "$rest" -ge 1 ] || rest=1
[ "$rest" -le 10 ] || rest=10
mark "exit:$code"
sleep "$rest"
mark "exit:$code"
sleep "$rest"
mark "exit:$code"
[ ! -c "$terminal" ] || stty -F "$terminal" onlcr 2>/dev/null || sleep 1
poweroff -f || poweroff || systemctl poweroff
