#!/usr/bin/perl
# Holds one guest to the lease of its machine: a timer of the kernel ends this process when the lease runs out, and its end is
# the guest's. Usage: holder.pl LEASE POD PROGRAM [ARGUMENT...]
# LEASE is the agent's file: a line "BOOT_ID DEADLINE", and lines "POD DEADLINE" for guests that may live longer; deadlines are
# seconds of CLOCK_BOOTTIME, as in the first number of /proc/uptime.
# Promises: also a machine that is stopped as a whole loses its guest on time, since the kernel needs nobody's help for it; a
# lease that is missing, damaged or of another boot has run out; ends as the program ends. Starts nothing without a lease.
use strict;
use warnings;
use Config;

use constant { CLOCK_BOOTTIME => 7, TIMER_ABSTIME => 1, PR_SET_PDEATHSIG => 1, SIGKILL => 9, WNOHANG => 1 };
use constant LOOK_EVERY => 0.25;

# Perl knows no numbers of system calls without a compiler's headers.
my %calls = (
    x86_64  => { timer_create => 222, timer_settime => 223, prctl => 157 },
    aarch64 => { timer_create => 107, timer_settime => 110, prctl => 167 },
);
my ($architecture) = $Config{archname} =~ /^(\w+?)-/;
my $call = $calls{ $architecture // '' } or die "holder: no system calls are known for $Config{archname}\n";

my ($lease, $pod, @program) = @ARGV;
die "usage: holder.pl LEASE POD PROGRAM [ARGUMENT...]\n" unless @program;
$0 = 'guest-holder';

my $boot = line_of('/proc/sys/kernel/random/boot_id');
my $timer = pack 'i', 0;
# struct sigevent: no value, the signal, SIGEV_SIGNAL, and padding to 64 bytes.
my $event = pack 'q i i x48', 0, SIGKILL, 0;
syscall($call->{timer_create}, CLOCK_BOOTTIME, $event, $timer) == 0 or die "holder: timer_create: $!\n";

my $armed = deadline();
die "holder: the machine holds no lease in $lease\n" if $armed <= line_of('/proc/uptime');
arm($armed);

my $holder = $$;
my $guest = fork // die "holder: fork: $!\n";
if ($guest == 0) {
    syscall($call->{prctl}, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 or die "holder: prctl: $!\n";
    # The holder may have ended before its end could have been noticed.
    exit 1 if getppid != $holder;
    exec { $program[0] } @program or die "holder: $program[0]: $!\n";
}

# Its end interrupts the pause below.
$SIG{CHLD} = sub { };
until (waitpid($guest, WNOHANG) == $guest) {
    my $deadline = deadline();
    arm($armed = $deadline) if $deadline != $armed;
    select undef, undef, undef, LOOK_EVERY;
}
kill $? & 127, $$ if $? & 127;
exit $? >> 8;

# The moment, in seconds, until which the guest may live; 0 without a lease.
sub deadline {
    open my $file, '<', $lease or return 0;
    my ($machine, @pods) = <$file>;
    my $number = qr/([0-9]+(?:\.[0-9]+)?)/;
    return 0 unless ($machine // '') =~ /^\Q$boot\E $number$/;
    my @deadlines = ($1, map { /^\Q$pod\E $number$/ ? $1 : () } @pods);
    my ($latest) = sort { $b <=> $a } @deadlines;
    return $latest;
}

# A moment that is past, such as 0 would be if it did not mean "never" to the kernel, ends this process at once.
sub arm {
    my ($at) = @_;
    my $value = pack 'q4', 0, 0, int $at, $at > 0 ? int(($at - int $at) * 1e9) : 1;
    syscall($call->{timer_settime}, unpack('i', $timer), TIMER_ABSTIME, $value, 0) == 0
        or die "holder: timer_settime: $!\n";
}

# The first word of a file.
sub line_of {
    my ($path) = @_;
    open my $file, '<', $path or die "holder: $path: $!\n";
    my ($word) = split ' ', <$file>;
    return $word;
}
