/* SPDX-License-Identifier: MIT */
/* For tests of single rooms: GnuTLS, which a process gets with its first TLS socket. */
#include "libgnutlsload.h"

#include <stdio.h>
#include <stdlib.h>

__attribute__((constructor)) static void load(void)
{
	const char *why;

	if (libgnutls_load(&why) == 0)
		return;
	fprintf(stderr, "%s\n", why);
	abort();
}
