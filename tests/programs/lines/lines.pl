# SPDX-License-Identifier: MIT
# Lines by <$socket> and print $socket. Usage: lines.pl CLASS server CONNECTIONS |
# CLASS client PORT, with IO::Socket::INET or IO::Socket::IP.
use strict;
use warnings;

$| = 1;
my ($class, $role, $number) = @ARGV;
eval "require $class" or die $@;
my $long = 'l' x 100_000;

sub serve {
	my $listener = $class->new(LocalHost => '127.0.0.1', LocalPort => 0, Listen => 16,
		Proto => 'tcp', ReuseAddr => 1) or die "listen: $@";
	print 'port ', $listener->sockport, "\n";
	for (1 .. $number) {
		my $socket = $listener->accept or die "accept: $!";
		print $socket "hello\n";
		while (my $line = <$socket>) {
			print $socket uc $line;
			last if $line eq "bye\n";
		}
		close $socket or die "close: $!";
	}
}

sub ask {
	my $socket = $class->new(PeerHost => 'localhost', PeerPort => $number, Proto => 'tcp')
		or die "connect: $@";
	print scalar <$socket>;
	for my $line ('one', $long, 'bye') {
		print $socket "$line\n" or die "print: $!";
		chomp(my $answer = <$socket>);
		print $line eq $long ? length $answer : $answer, "\n";
	}
	print defined <$socket> ? "more\n" : "end\n";
	close $socket or die "close: $!";
}

$role eq 'server' ? serve() : ask();
