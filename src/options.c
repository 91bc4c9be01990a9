/* SPDX-License-Identifier: MIT */
/* Finding an option's row, and the values that many of them have. */
#include "options.h"

#include "handshake.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct option *options_find(int name)
{
	static const struct option_table *const tables[] = {
		&options_ciphers, &options_credentials, &options_protocol,   &options_facts,
		&options_keys,	  &options_actions,	&options_zephyr,     &options_session,
		&options_peer,	  &options_psk,		&options_revocation,
	};

	for (size_t t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (size_t i = 0; i < tables[t]->count; i++)
			if (tables[t]->rows[i].name == name)
				return &tables[t]->rows[i];
	return NULL;
}

int options_text(char **out, const void *v, size_t len)
{
	if (len && ((const char *)v)[len - 1] == '\0')
		len--;
	if (len && memchr(v, '\0', len))
		return -EINVAL;
	*out = strndup(len ? v : "", len);
	return *out ? 0 : -ENOMEM;
}

int options_int(int *out, const void *v, size_t len)
{
	if (len != sizeof(*out))
		return -EINVAL;
	memcpy(out, v, sizeof(*out));
	return 0;
}

int options_value(struct option_value *out, const void *data, size_t len)
{
	out->data = malloc(len ? len : 1);
	if (!out->data)
		return -ENOMEM;
	if (len)
		memcpy(out->data, data, len);
	out->len = len;
	return 0;
}

int options_text_value(struct option_value *out, const char *text)
{
	return options_value(out, text, strlen(text) + 1);
}

int options_int_value(struct option_value *out, int value)
{
	return options_value(out, &value, sizeof(value));
}

int options_get_number(struct connection *c, const struct option *o, struct option_value *out)
{
	return options_int_value(out, (int)(uint32_t)c->settings->numbers[o->setting]);
}

int options_set_number(struct connection *c, const struct option *o, const void *v, size_t len)
{
	int value, r = options_int(&value, v, len);
	int64_t number;

	if (r < 0)
		return r;
	/* Unsigned where the row allows more than an int has. */
	number = o->max > INT32_MAX ? (int64_t)(uint32_t)value : value;
	if (number < 0 || number > o->max)
		return -EINVAL;
	c->settings->numbers[o->setting] = number;
	return 0;
}

int options_engine_text(struct connection *c, int name, struct option_value *out)
{
	char *text = NULL;
	int r = engine_text(c->engine, name, &text);

	if (r == 0)
		*out = (struct option_value){text, strlen(text) + 1};
	return r;
}

int options_need_open(struct connection *c, int fd)
{
	int r;

	if (c->state == STATE_FAILED && c->was_open)
		return 0;
	r = handshake_need(c, fd, connection_nonblocking(fd, 0), -1);
	return r == -EAGAIN ? -ENOTCONN : r;
}
