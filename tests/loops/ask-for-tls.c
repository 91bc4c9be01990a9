/* SPDX-License-Identifier: MIT */
/*
 * For programs that cannot be told a protocol: preloaded before libtlssock, it asks for
 * LOOPS_PROTOCOL where they ask for TCP. All else is theirs and the library's.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { TYPE_MASK = 0xf };

int socket(int family, int type, int protocol)
{
	int (*next)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
	const char *wanted = getenv("LOOPS_PROTOCOL");

	if (wanted && (family == AF_INET || family == AF_INET6) &&
	    (type & TYPE_MASK) == SOCK_STREAM && (protocol == 0 || protocol == IPPROTO_TCP))
		protocol = atoi(wanted);
	return next(family, type, protocol);
}
