/* SPDX-License-Identifier: MIT */
/* What a section of the policy is for: patterns, prefixes of addresses, ranges of ports. */
#include "policyfile.h"

#include "hostname.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEM_SIZE = 256 };

/* Not tolower(), which goes by the program's locale. */
static char small(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool same(char a, char b, bool fold)
{
	return a == b || (fold && small(a) == small(b));
}

/*
 * "*" stands for any characters, "?" for one. Not fnmatch(), which goes by the program's
 * locale, and fits nothing where that does not know the bytes.
 */
static bool glob(const char *pattern, size_t len, const char *text, bool fold)
{
	const char *end = pattern + len, *star = NULL, *again = NULL;

	while (*text) {
		if (pattern < end && *pattern == '*') {
			star = ++pattern;
			again = text;
		} else if (pattern < end && (*pattern == '?' || same(*pattern, *text, fold))) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star;
			text = ++again;
		} else {
			return false;
		}
	}
	while (pattern < end && *pattern == '*')
		pattern++;
	return pattern == end;
}

bool policy_match_program(const char *list, const char *path)
{
	const char *rest = list, *item;

	while (path && *rest) {
		size_t len = policy_list_next(&rest, &item);

		if (glob(item, len, path, false))
			return true;
	}
	return false;
}

bool policy_match_host(const char *list, const char *name)
{
	const char *rest = list, *item;
	char host[HOSTNAME_SIZE];

	if (!name)
		return false;
	hostname_canonical(name, host);
	while (*rest) {
		size_t len = policy_list_next(&rest, &item);

		if (len > 1 && item[len - 1] == '.')
			len--;
		if (glob(item, len, host, true))
			return true;
	}
	return false;
}

/* IPv4 addresses as IPv6 has them: ::ffff:a.b.c.d. */
static void map(struct in6_addr *out, const struct in_addr *in)
{
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], in, sizeof(*in));
}

static bool parse_uint(const char *text, unsigned long most, unsigned long *out)
{
	size_t len = strlen(text);

	if (len == 0 || len > 5 || strspn(text, "0123456789") != len)
		return false;
	*out = strtoul(text, NULL, 10);
	return *out <= most;
}

static bool parse_prefix(const char *item, size_t len, struct in6_addr *out, unsigned long *bits)
{
	char text[ITEM_SIZE], *slash;
	struct in_addr in;
	bool v4;

	if (len >= sizeof(text))
		return false;
	memcpy(text, item, len);
	text[len] = '\0';
	slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	v4 = inet_pton(AF_INET, text, &in) == 1;
	if (v4)
		map(out, &in);
	else if (inet_pton(AF_INET6, text, out) != 1)
		return false;
	*bits = v4 ? 32 : 128;
	if (slash && !parse_uint(slash + 1, *bits, bits))
		return false;
	*bits += v4 ? 96 : 0;
	return true;
}

static bool prefix_equal(const struct in6_addr *a, const struct in6_addr *b, unsigned long bits)
{
	unsigned int rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return rest == 0 || ((a->s6_addr[bits / 8] ^ b->s6_addr[bits / 8]) >> (8 - rest)) == 0;
}

static bool lists_address(const char *list, const struct in6_addr *it)
{
	const char *rest = list, *item;
	struct in6_addr prefix;
	unsigned long bits;

	while (*rest) {
		size_t len = policy_list_next(&rest, &item);

		if (parse_prefix(item, len, &prefix, &bits) && prefix_equal(it, &prefix, bits))
			return true;
	}
	return false;
}

bool policy_match_address(const char *list, const struct sockaddr *address, bool server)
{
	static const struct in_addr any = {INADDR_ANY};
	const struct in_addr loopback = {htonl(INADDR_LOOPBACK)};
	struct in6_addr it, any4, loopback4;

	if (!address || (address->sa_family != AF_INET && address->sa_family != AF_INET6))
		return false;
	if (address->sa_family == AF_INET)
		map(&it, &((const struct sockaddr_in *)address)->sin_addr);
	else
		it = ((const struct sockaddr_in6 *)address)->sin6_addr;
	map(&any4, &any);
	map(&loopback4, &loopback);
	/* Who connects to no address comes to this machine, from :: to either of its two. */
	if (server || (!IN6_IS_ADDR_UNSPECIFIED(&it) && !IN6_ARE_ADDR_EQUAL(&it, &any4)))
		return lists_address(list, &it);
	return lists_address(list, &loopback4) ||
	       (IN6_IS_ADDR_UNSPECIFIED(&it) && lists_address(list, &in6addr_loopback));
}

static bool parse_ports(const char *item, size_t len, unsigned long *from, unsigned long *to)
{
	char text[ITEM_SIZE], *dash;

	if (len >= sizeof(text))
		return false;
	memcpy(text, item, len);
	text[len] = '\0';
	dash = strchr(text, '-');
	if (dash)
		*dash = '\0';
	if (!parse_uint(text, 65535, from))
		return false;
	*to = *from;
	return !dash || (parse_uint(dash + 1, 65535, to) && *from <= *to);
}

bool policy_match_port(const char *list, unsigned int port)
{
	const char *rest = list, *item;
	unsigned long from, to;

	while (*rest) {
		size_t len = policy_list_next(&rest, &item);

		if (parse_ports(item, len, &from, &to) && port >= from && port <= to)
			return true;
	}
	return false;
}

int policy_match_check(enum policy_match match, const char *list, char *reason, size_t size)
{
	static const char *const what[POLICY_MATCHES] = {
		[POLICY_MATCH_PROGRAM] = "an absolute path",
		[POLICY_MATCH_HOST] = "a name as DNS has it, other letters as xn--",
		[POLICY_MATCH_ADDRESS] = "an address, or one with /PREFIX",
		[POLICY_MATCH_PORT] = "a port, or two with - between",
	};
	static const char host_bytes[] = "abcdefghijklmnopqrstuvwxyz"
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-*?";
	const char *rest = list, *item = list;
	struct in6_addr address;
	unsigned long a, b;
	bool good = *list != '\0';
	size_t len = 0;

	while (good && *rest) {
		len = policy_list_next(&rest, &item);
		switch (match) {
		case POLICY_MATCH_PROGRAM:
			good = len && (*item == '/' || *item == '*');
			break;
		case POLICY_MATCH_ADDRESS:
			good = parse_prefix(item, len, &address, &a);
			break;
		case POLICY_MATCH_PORT:
			good = parse_ports(item, len, &a, &b);
			break;
		default:
			good = len && strspn(item, host_bytes) >= len;
			break;
		}
	}
	if (!good)
		snprintf(reason, size, "\"%.*s\" is not %s", (int)len, item, what[match]);
	return good ? 0 : -EINVAL;
}
