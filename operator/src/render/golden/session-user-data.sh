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

mark start

code=0

mark ready
