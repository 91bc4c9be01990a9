/* SPDX-License-Identifier: MIT */
#include "clienthello.h"

#include <string.h>

enum {
	VERSION_AND_RANDOM = 2 + 32,
	HOST_NAME = 0,
	OBFUSCATED_AGE = 4,
	/* Numbers of extensions. */
	SERVER_NAME = 0,
	PROTOCOLS = 16,
	SESSION_TICKET = 35,
	PRE_SHARED_KEY = 41,
	POST_HANDSHAKE_AUTH = 49,
};

/* Takes so many bytes off the front; of a span that has less nothing is left. */
static struct span take(struct span *from, size_t n)
{
	struct span taken = {from->data, n};

	if (n > from->len) {
		*from = (struct span){0};
		return *from;
	}
	from->data += n;
	from->len -= n;
	return taken;
}

static size_t number(struct span *from, size_t bytes)
{
	struct span s = take(from, bytes);
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n = n << 8 | s.data[i];
	return n;
}

/* A vector: its length, in so many bytes, and that many. */
static struct span vector(struct span *from, size_t bytes)
{
	return take(from, number(from, bytes));
}

static struct span extension(struct span message, size_t wanted)
{
	struct span extensions;

	take(&message, VERSION_AND_RANDOM);
	vector(&message, 1); /* session id */
	vector(&message, 2); /* cipher suites */
	vector(&message, 1); /* compression methods */
	extensions = vector(&message, 2);
	while (extensions.len) {
		size_t type = number(&extensions, 2);
		struct span data = vector(&extensions, 2);

		if (type == wanted && data.data)
			return data;
	}
	return (struct span){0};
}

struct span clienthello_name(struct span message)
{
	struct span data = extension(message, SERVER_NAME), list = vector(&data, 2);

	while (list.len) {
		size_t type = number(&list, 1);
		struct span name = vector(&list, 2);

		if (type == HOST_NAME)
			return name;
	}
	return (struct span){0};
}

bool clienthello_can_be_asked(struct span message)
{
	return extension(message, POST_HANDSHAKE_AUTH).data;
}

struct span clienthello_ticket(struct span message, unsigned int i)
{
	struct span data = extension(message, PRE_SHARED_KEY), identities = vector(&data, 2);
	struct span ticket;

	if (!identities.len)
		return i == 0 ? extension(message, SESSION_TICKET) : identities;
	for (unsigned int at = 0; identities.len; at++) {
		ticket = vector(&identities, 2);
		take(&identities, OBFUSCATED_AGE);
		if (at == i)
			return ticket;
	}
	return (struct span){0};
}

bool clienthello_offers(struct span message, const void *protocol, size_t len)
{
	struct span data = extension(message, PROTOCOLS), list = vector(&data, 2);

	while (list.len) {
		struct span offered = vector(&list, 1);

		if (len && offered.len == len && memcmp(offered.data, protocol, len) == 0)
			return true;
	}
	return false;
}
