/* SPDX-License-Identifier: MIT */
/* The names of <netdb.h> by which a program learns what address to connect to. */
#include "interpose.h"

#include "libc.h"
#include "names.h"
#include "sockets.h"

#include <netdb.h>

EXPORT int getaddrinfo(const char *restrict node, const char *restrict service,
		       const struct addrinfo *restrict hints, struct addrinfo **restrict res)
{
	int r = sockets_getaddrinfo(node, service, hints, res);

	if (r == 0)
		names_learn(node, hints, *res);
	return r;
}

EXPORT void freeaddrinfo(struct addrinfo *ai)
{
	names_forget(ai);
	libc.freeaddrinfo(ai);
}

EXPORT int getaddrinfo_a(int mode, struct gaicb *list[restrict], int n,
			 struct sigevent *restrict sig)
{
	for (int i = 0; i < n; i++)
		names_expect(list[i]);
	return libc.getaddrinfo_a(mode, list, n, sig);
}

/* getaddrinfo_a's result is there when this says so. */
EXPORT int gai_error(struct gaicb *request)
{
	int r = libc.gai_error(request);

	if (r == 0)
		names_arrived(request);
	return r;
}

EXPORT struct hostent *gethostbyname(const char *name)
{
	struct hostent *host = libc.gethostbyname(name);

	names_learn_host(name, host);
	return host;
}

EXPORT struct hostent *gethostbyname2(const char *name, int family)
{
	struct hostent *host = libc.gethostbyname2(name, family);

	names_learn_host(name, host);
	return host;
}

EXPORT int gethostbyname_r(const char *restrict name, struct hostent *restrict host,
			   char *restrict buf, size_t n, struct hostent **restrict res,
			   int *restrict error)
{
	int r = libc.gethostbyname_r(name, host, buf, n, res, error);

	if (r == 0)
		names_learn_host(name, *res);
	return r;
}

EXPORT int gethostbyname2_r(const char *restrict name, int family, struct hostent *restrict host,
			    char *restrict buf, size_t n, struct hostent **restrict res,
			    int *restrict error)
{
	int r = libc.gethostbyname2_r(name, family, host, buf, n, res, error);

	if (r == 0)
		names_learn_host(name, *res);
	return r;
}
