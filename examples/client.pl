#!/usr/bin/env perl
# SPDX-License-Identifier: MIT
# client.pl host port: sends the standard input to an echo server line by line,
# and prints what comes back.
#
#     LD_PRELOAD=libtlssock.so perl client.pl localhost 4433
use strict;
use warnings;
use IO::Handle;
use Socket qw(AF_INET SOCK_STREAM getaddrinfo);

my $IPPROTO_TLS = 205;    # scripting languages do not read tlssock.h

my ($host, $port) = @ARGV;
my ($error, $found) = getaddrinfo($host, $port, {family => AF_INET, socktype => SOCK_STREAM});
die "$host: $error\n" if $error;
socket(my $server, AF_INET, SOCK_STREAM, $IPPROTO_TLS) or die "socket: $!\n";
connect($server, $found->{addr}) or die "connect: $!\n";
$server->autoflush(1);
STDOUT->autoflush(1);
while (my $line = <STDIN>) {
    print {$server} $line or die "send: $!\n";
    my $reply = <$server> // die "recv: $!\n";
    print $reply;
}
close($server);
