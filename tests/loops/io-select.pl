#!/usr/bin/perl
# SPDX-License-Identifier: MIT
# Perl's IO::Select. As loop.c: io-select.pl server CONNECTIONS | client PORT LENGTH
use strict;
use warnings;
use Errno qw(EAGAIN EINPROGRESS);
use IO::Handle;
use IO::Select;
use Socket qw(:all getaddrinfo);

use constant { BLOCK => 16384, PIECE_MAX => 4999 };

$SIG{PIPE} = 'IGNORE';

sub new_socket
{
	socket(my $fd, AF_INET, SOCK_STREAM, $ENV{LOOPS_PROTOCOL}) or die "socket: $!";
	$fd->blocking(0);
	return $fd;
}

# Returns undef when there is nothing yet, and '' at the end.
sub receive
{
	my ($fd) = @_;
	my $n = sysread($fd, my $data, BLOCK);

	die "sysread: $!" unless defined $n || $!{EAGAIN};
	return defined $n ? $data : undef;
}

sub send_some
{
	my ($fd, $data) = @_;
	my $n = length $data ? syswrite($fd, $data) : 0;

	die "syswrite: $!" unless defined $n || $!{EAGAIN};
	return $n // 0;
}

sub accept_one
{
	my ($listener) = @_;

	accept(my $fd, $listener) or die "accept: $!";
	$fd->blocking(0);
	return $fd;
}

sub serve
{
	my ($left) = @_;
	my $listener = new_socket();
	my (%echo, %ended);

	bind($listener, pack_sockaddr_in(0, INADDR_LOOPBACK)) or die "bind: $!";
	listen($listener, 64) or die "listen: $!";
	STDOUT->autoflush;
	print 'port ', (unpack_sockaddr_in(getsockname $listener))[0], "\n";

	my ($reads, $writes) = (IO::Select->new($listener), IO::Select->new);
	while ($left > 0) {
		my ($readable, $writable) = IO::Select->select($reads, $writes);
		for my $fd (@$readable) {
			if ($fd == $listener) {
				$reads->add(accept_one($listener));
				next;
			}
			my $data = receive($fd) // next;
			$echo{$fd} .= $data;
			$ended{$fd} = $data eq '';
			$reads->remove($fd);
			$writes->add($fd);
		}
		for my $fd (@$writable) {
			substr($echo{$fd}, 0, send_some($fd, $echo{$fd})) = '';
			next if length $echo{$fd};
			$writes->remove($fd);
			$reads->add($fd) unless $ended{$fd};
			next unless $ended{$fd};
			delete $echo{$fd};
			close $fd or die "close: $!";
			$left--;
		}
	}
}

sub start_connect
{
	my ($port) = @_;
	my $hints = { family => AF_INET, socktype => SOCK_STREAM };
	my ($error, $ai) = getaddrinfo('localhost', $port, $hints);
	my $fd = new_socket();

	die "getaddrinfo: $error" if $error;
	die 'connect should be in progress' if connect($fd, $ai->{addr}) || !$!{EINPROGRESS};
	IO::Select->new($fd)->can_write or die "select: $!";
	$! = unpack 'i', getsockopt($fd, SOL_SOCKET, SO_ERROR);
	die "connect: $!" if $!;
	return $fd;
}

sub run_client
{
	my ($port, $length) = @_;
	my $data = pack 'C*', map { ($_ * 31 + int($_ / 251)) & 0xff } 0 .. $length - 1;
	my $fd = start_connect($port);
	my ($reads, $writes) = (IO::Select->new($fd), IO::Select->new($fd));
	my ($sent, $received, $more) = (0, 0, 1);

	while ($more) {
		my ($readable, $writable) = IO::Select->select($reads, $writes);
		if (@$writable) {
			$sent += send_some($fd, substr $data, $sent, $sent * 7919 % PIECE_MAX | 1);
			if ($sent == $length) {
				$writes->remove($fd);
				shutdown($fd, SHUT_WR) or die "shutdown: $!";
			}
		}
		next unless @$readable;
		my $back = receive($fd) // next;
		die 'other bytes came back' if $back ne substr $data, $received, length $back;
		$received += length $back;
		$more = length $back;
	}
	die 'the end came too early' if $received != $length;
	close $fd or die "close: $!";
}

if (@ARGV == 2 && $ARGV[0] eq 'server') {
	serve($ARGV[1]);
} elsif (@ARGV == 3 && $ARGV[0] eq 'client') {
	run_client(@ARGV[1, 2]);
} else {
	die "usage: $0 server CONNECTIONS | client PORT LENGTH\n";
}
