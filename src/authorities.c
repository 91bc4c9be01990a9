/* SPDX-License-Identifier: MIT */
#include "authorities.h"

#include "libgnutls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct bytes {
	const uint8_t *data;
	size_t len;
};

/* Takes a vector whose length is in so many bytes. False: there is none whole. */
static bool take(struct bytes *from, unsigned int length_bytes, struct bytes *out)
{
	size_t n = 0;

	if (from->len < length_bytes)
		return false;
	for (unsigned int i = 0; i < length_bytes; i++)
		n = n << 8 | from->data[i];
	if (from->len - length_bytes < n)
		return false;
	*out = (struct bytes){from->data + length_bytes, n};
	from->data += length_bytes + n;
	from->len -= length_bytes + n;
	return true;
}

/* The list in an extension of TLS 1.3; none: any authority will do. */
static bool find_extension(struct bytes *request, struct bytes *list)
{
	enum { CERTIFICATE_AUTHORITIES = 47 };
	struct bytes context, extensions, body;

	*list = (struct bytes){0};
	if (!take(request, 1, &context) || !take(request, 2, &extensions))
		return false;
	while (extensions.len > 2) {
		unsigned int type = (unsigned int)extensions.data[0] << 8 | extensions.data[1];

		extensions.data += 2;
		extensions.len -= 2;
		if (!take(&extensions, 2, &body))
			return false;
		if (type == CERTIFICATE_AUTHORITIES)
			return take(&body, 2, list);
	}
	return extensions.len == 0;
}

static bool find_list(struct bytes *request, bool tls13, struct bytes *list)
{
	struct bytes types, algorithms;

	if (tls13)
		return find_extension(request, list);
	return take(request, 1, &types) && take(request, 2, &algorithms) && take(request, 2, list);
}

static int add_name(FILE *out, const struct bytes *name, bool first)
{
	const gnutls_datum_t der = {(unsigned char *)(uintptr_t)name->data,
				    (unsigned int)name->len};
	gnutls_datum_t text = {0};
	int r = gnutls_x509_rdn_get2(&der, &text, 0);

	if (r == GNUTLS_E_MEMORY_ERROR)
		return -ENOMEM;
	if (r < 0)
		return -EINVAL;
	fprintf(out, "%s%s", first ? "" : "\n", (const char *)text.data);
	gnutls_free(text.data);
	return 0;
}

int authorities_read(const uint8_t *data, size_t len, bool tls13, char **text)
{
	struct bytes request = {data, len}, list, name;
	size_t size = 0;
	bool first = true;
	FILE *out;
	int r = 0;

	*text = NULL;
	if (!find_list(&request, tls13, &list))
		return -EINVAL;
	out = open_memstream(text, &size);
	if (!out)
		return -ENOMEM;
	while (r == 0 && list.len) {
		r = take(&list, 2, &name) ? add_name(out, &name, first) : -EINVAL;
		first = false;
	}
	if (fclose(out) != 0 && r == 0)
		r = -ENOMEM;
	if (r < 0) {
		free(*text);
		*text = NULL;
	}
	return r;
}
