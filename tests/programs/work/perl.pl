# SPDX-License-Identifier: MIT
# Files, a fork, plain sockets, children with pipes.
use strict;
use warnings;
use IO::Select;
use IO::Socket::INET;
use IPC::Open3;

open(my $file, "+>", "file") or die;
print $file "line $_\n" for 1 .. 5;
seek($file, 0, 0);
print while <$file>;
print -s $file, "\n";

my $listener = IO::Socket::INET->new(Listen => 1, LocalAddr => "127.0.0.1") or die;
my $pid = fork // die;
if (!$pid) {
    my $peer = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $listener->sockport);
    print $peer "from the child\n";
    exit 4;
}
my $peer = $listener->accept;
print scalar(IO::Select->new($peer)->can_read(20)), " ", scalar <$peer>;
waitpid($pid, 0);
print $? >> 8, "\n";

print `echo quoted; exit 2`, $? >> 8, "\n";
system("echo system");
my $child = open3(my $in, my $out, undef, "tr a-z A-Z");
print $in "upper\n";
close $in;
print <$out>;
waitpid($child, 0);
