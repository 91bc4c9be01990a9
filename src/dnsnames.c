/* SPDX-License-Identifier: MIT */
#include "dnsnames.h"

#include <string.h>

enum {
	INTEGER = 0x02,
	OCTET_STRING = 0x04,
	OBJECT_IDENTIFIER = 0x06,
	SEQUENCE = 0x30,
	DNS_NAME = 0x82,
	VERSION = 0xa0,
	EXTENSIONS = 0xa3,
	BEFORE_EXTENSIONS = 5, /* signature, issuer, validity, subject, its key */
	LONGEST = 253,	       /* of a name in the DNS */
};

struct bytes {
	const uint8_t *at;
	size_t len;
};

/* Takes an element off the front; what is no element leaves nothing behind, and no content. */
static int take(struct bytes *from, struct bytes *content)
{
	size_t head = 2, len, more;
	int tag;

	*content = (struct bytes){0};
	if (from->len < head)
		goto none;
	tag = from->at[0];
	len = from->at[1];
	if (len >= 0x80) {
		more = len - 0x80;
		if (more < 1 || more > 2 || from->len < head + more)
			goto none;
		len = more == 1 ? from->at[2] : (size_t)from->at[2] << 8 | from->at[3];
		head += more;
	}
	if (len > from->len - head)
		goto none;
	*content = (struct bytes){from->at + head, len};
	from->at += head + len;
	from->len -= head + len;
	return tag;
none:
	*from = (struct bytes){0};
	return -1;
}

/* The content of the next element, if it is of that kind. */
static struct bytes expect(struct bytes *from, int tag)
{
	struct bytes content;

	if (take(from, &content) != tag)
		*from = content = (struct bytes){0};
	return content;
}

/* The names of the first subjectAltName, as GnuTLS takes it. */
static struct bytes alternative_names(struct bytes extensions)
{
	static const uint8_t oid[] = {0x55, 0x1d, 0x11};
	struct bytes extension, id, value;
	int tag;

	while (extensions.len) {
		extension = expect(&extensions, SEQUENCE);
		id = expect(&extension, OBJECT_IDENTIFIER);
		if (id.len != sizeof(oid) || memcmp(id.at, oid, sizeof(oid)) != 0)
			continue;
		do
			tag = take(&extension, &value); /* critical, where it is */
		while (tag >= 0 && tag != OCTET_STRING);
		return expect(&value, SEQUENCE);
	}
	return (struct bytes){0};
}

static struct bytes extensions_of(struct bytes der)
{
	struct bytes certificate = expect(&der, SEQUENCE);
	struct bytes rest = expect(&certificate, SEQUENCE), content;
	int tag;

	expect(&rest, VERSION);
	expect(&rest, INTEGER);
	for (int i = 0; i < BEFORE_EXTENSIONS; i++)
		expect(&rest, SEQUENCE);
	do
		tag = take(&rest, &content); /* the unique identifiers, where they are */
	while (tag >= 0 && tag != EXTENSIONS);
	return expect(&content, SEQUENCE);
}

bool dnsnames_has(const uint8_t *der, size_t len)
{
	struct bytes names = alternative_names(extensions_of((struct bytes){der, len})), name;

	while (names.len)
		if (take(&names, &name) == DNS_NAME && name.len > 0 && name.len <= LONGEST)
			return true;
	return false;
}
