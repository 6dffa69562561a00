#!/usr/bin/perl
# A light guest: a small process that takes QEMU's place, arguments and name, and has no computer inside. It opens QEMU's control
# socket and serial line, and tells the lab's witness four times a second who it is and which start of it this is.
# Promises: it is started, stood still, paused and ended as QEMU is, so everything around a guest is what is around a real one; it
# says nothing while it is paused. When a job's script would begin it says so in the words of the job's user-data, but it runs no
# script; it has no disk, screen, network or agent, cannot be moved, and never ends by itself.
use strict;
use warnings;
use IO::Select;
use IO::Socket::UNIX;
use Time::HiRes 'clock_gettime', 'CLOCK_MONOTONIC';

use constant { BEAT_EVERY => 0.25, CALL_EVERY => 1 };

# Whoever looks for guests among processes goes by the name of the program.
$0 = 'qemu-system-light';
$SIG{PIPE} = 'IGNORE';
$| = 1;

my %sockets;
my ($name, $log, $seed) = ('guest');
while (defined(my $word = shift @ARGV)) {
    die "light guest: it cannot be moved here\n" if $word eq '-incoming';
    my $value = $ARGV[0] // '';
    $name = $1 if $word eq '-name' && $value =~ /^guest=(?:[^_,]*_)?([^,]+)/;
    $sockets{qmp} = $1 if $word eq '-qmp' && $value =~ /^unix:((?:[^,]|,,)+)/;
    $seed = $1 if $word eq '-blockdev' && $value =~ /"driver":"vvfat".*"dir":"([^"]+)"/;
    if ($word eq '-chardev' && $value =~ /^socket,id=(serial0|witness0),path=((?:[^,]|,,)+)/) {
        $sockets{$1} = $2;
        $log = $1 if $value =~ /,logfile=((?:[^,]|,,)+)/;
    }
}
s/,,/,/g for grep { defined } values %sockets, $log;

my $boot = boot_id();
my $paused = 0;
# Whoever reads the log of the serial line expects it from the start.
to_log('') if defined $log;
# It boots when somebody has taken it in hand, and says so on its serial line.
my ($held, $booted) = (0, 0);
my $viewer;
my ($witness, $called, $beat) = (undef, 0, 0);
my $servers = IO::Select->new;
my ($control, $serial) = map { listen_at($sockets{$_}) } 'qmp', 'serial0';
# Of each client of the control socket: what it has sent of a line.
my %said;

while (1) {
    my $now = clock_gettime(CLOCK_MONOTONIC);
    if (!$paused && $now >= $beat) {
        $beat = $now + BEAT_EVERY;
        boot() if $held && !$booted;
        tell_witness($now);
    }
    for my $ready ($servers->can_read($paused ? 1 : $beat - $now)) {
        if ($ready == $control || $ready == $serial) { welcome($ready) }
        else { hear($ready) }
    }
}

# A new one at each start, as a kernel has.
sub boot_id {
    open my $file, '<', '/proc/sys/kernel/random/uuid' or die "light guest: no boot id: $!\n";
    my ($id) = split ' ', <$file>;
    return $id;
}

sub listen_at {
    my ($path) = @_;
    die "light guest: -qmp and -chardev serial0 are needed\n" unless defined $path;
    my $server = IO::Socket::UNIX->new(Local => $path, Listen => 4) or die "light guest: $path: $!\n";
    $servers->add($server);
    return $server;
}

sub welcome {
    my ($server) = @_;
    my $client = $server->accept or return;
    $client->blocking(0);
    $servers->add($client);
    return $viewer = $client if $server == $serial;
    $said{$client} = '';
    answer($client, '{"QMP":{"version":{"qemu":{"major":0,"minor":0,"micro":0},"package":"light"},"capabilities":[]}}');
}

# A client has spoken or gone. What is typed on the serial line is read and not answered.
sub hear {
    my ($client) = @_;
    my $read = sysread $client, my $chunk, 65536;
    return if !defined $read && ($!{EAGAIN} || $!{EINTR});
    if (!$read) {
        $servers->remove($client);
        delete $said{$client};
        return close $client;
    }
    return unless defined $said{$client};
    $said{$client} .= $chunk;
    obey($client, $1) while defined $said{$client} && $said{$client} =~ s/^([^\n]*)\n//;
}

# One command, in the one form in which the lab writes it.
sub obey {
    my ($client, $line) = @_;
    my ($command) = $line =~ /"execute":"([a-z_-]+)"/;
    my $id = $line =~ /"id":(\d+)/ ? qq(,"id":$1) : '';
    my %acts = (
        qmp_capabilities => sub { $held = 1 },
        stop => sub { $paused = 1; event('STOP') },
        cont => sub { $paused = 0; event('RESUME') },
        system_reset => sub { $boot = boot_id(); event('RESET', '{"guest":false,"reason":"host-qmp-system-reset"}') },
        system_powerdown => sub { event('SHUTDOWN', '{"guest":true,"reason":"guest-shutdown"}') },
        quit => sub { event('SHUTDOWN', '{"guest":false,"reason":"host-qmp-quit"}') },
    );
    my $act = $acts{ $command // '' };
    return answer($client, qq({"error":{"class":"CommandNotFound","desc":"a light guest cannot do that"}$id})) unless $act;
    answer($client, qq({"return":{}$id}));
    $act->();
    exit 0 if $command eq 'system_powerdown' || $command eq 'quit';
}

sub event {
    my ($event, $data) = @_;
    my $with = defined $data ? qq(,"data":$data) : '';
    my $line = qq({"event":"$event"$with,"timestamp":{"seconds":@{[time]},"microseconds":0}});
    for my $client ($servers->handles) { answer($client, $line) if defined $said{$client} }
}

sub answer {
    my ($client, $line) = @_;
    syswrite $client, "$line\r\n";
}

sub boot {
    $booted = 1;
    my $line = "light guest $name\n" . started();
    syswrite $viewer, $line if defined $viewer;
    to_log($line) if defined $log;
}

# What tells the operator that the script has begun; nothing without a job.
sub started {
    return '' unless defined $seed && open my $file, '<', "$seed/user-data";
    my ($nonce) = map { /^mark\(\) \{ printf '\\nidlewild:%s:%s\\n' '?([0-9a-f]+)'? / ? $1 : () } <$file>;
    return defined $nonce ? "idlewild:$nonce:start\n" : '';
}

sub to_log {
    my ($text) = @_;
    open my $file, '>>', $log or die "light guest: $log: $!\n";
    print $file $text;
}

# Who does not listen misses it; a guest waits for nobody.
sub tell_witness {
    my ($now) = @_;
    return unless defined $sockets{witness0};
    if (!defined $witness && $now >= $called) {
        $called = $now + CALL_EVERY;
        $witness = IO::Socket::UNIX->new(Peer => $sockets{witness0});
        $witness->blocking(0) if defined $witness;
    }
    return unless defined $witness;
    my $told = syswrite $witness, "$name $boot beat\n";
    undef $witness if !defined $told && !$!{EAGAIN} && !$!{EINTR};
}
