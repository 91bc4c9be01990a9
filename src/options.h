/* SPDX-License-Identifier: MIT */
/*
 * The options of tlssock.h: one row each, and a function for each kind of value.
 * All are called with the connection's lock.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "connection.h"

#include <sys/socket.h>

/* What a getter has to give: a malloc'd value and its size. */
struct option_value {
	void *data;
	size_t len;
};

struct option {
	int name;
	bool early;  /* set only before there is a connection: else EISCONN */
	bool fact;   /* got only from an open connection: else ENOTCONN */
	bool prefix; /* a short buffer gets the beginning, not ERANGE */
	int (*get)(struct connection *c, int name, struct option_value *out);
	int (*set)(struct connection *c, int name, const void *v, size_t len);
};

/* Returns the option's row, or NULL. */
const struct option *options_find(int name);

/* The setters of values that need more than a line. */
int options_set_alpn(struct connection *c, int name, const void *v, size_t len);
int options_set_alpn_list(struct connection *c, int name, const void *v, size_t len);
int options_get_alpn_list(struct connection *c, int name, struct option_value *out);
int options_set_credential(struct connection *c, int name, const void *v, size_t len);
int options_set_tags(struct connection *c, int name, const void *v, size_t len);

/* Copies a text option without its NUL. -EINVAL if one is in the middle; -ENOMEM. */
int options_text(char **out, const void *v, size_t len);

/* Makes a value out of bytes, or out of a text with its NUL. 0 or -ENOMEM. */
int options_value(struct option_value *out, const void *data, size_t len);

#endif /* OPTIONS_H */
