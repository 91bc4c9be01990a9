/* SPDX-License-Identifier: MIT */
#include "hostname.h"

#include "libgnutls.h"

#include <stdio.h>
#include <string.h>

void hostname_canonical(const char *name, char out[HOSTNAME_SIZE])
{
	gnutls_datum_t mapped = {0};
	size_t len;

	if (gnutls_idna_map(name, (unsigned int)strlen(name), &mapped, 0) >= 0)
		name = (const char *)mapped.data;
	snprintf(out, HOSTNAME_SIZE, "%s", name);
	gnutls_free(mapped.data);
	len = strlen(out);
	if (len > 1 && out[len - 1] == '.')
		out[len - 1] = '\0';
	/* Not tolower(), which goes by the program's locale. */
	for (char *c = out; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
}
