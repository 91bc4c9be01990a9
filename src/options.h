/* SPDX-License-Identifier: MIT */
/*
 * The options of tlssock.h: a row each, in tables by theme. All are called with the
 * connection's lock, getters with the handshake done where the row says so, setters with
 * settings that are the connection's own.
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include "connection.h"

#include <sys/socket.h>

/* What a getter has to give: a malloc'd value and its size; before, how much is asked for. */
struct option_value {
	void *data;
	size_t len;
};

struct option {
	int name;
	bool early;  /* set only before there is a connection: else EISCONN */
	bool empty;  /* may be set to nothing: a null pointer, or length 0 */
	bool fact;   /* got only from an open connection: else ENOTCONN */
	bool agreed; /* on an accepted socket a fact */
	bool failed; /* a fact of a handshake that failed, too */
	bool prefix; /* a short buffer gets the beginning, not ERANGE */
	int setting; /* a setting_number or setting_value: get and set say which */
	int64_t max; /* of a number */
	int (*get)(struct connection *c, const struct option *o, struct option_value *out);
	int (*set)(struct connection *c, const struct option *o, const void *v, size_t len);
	/* In place of set, where something is done with the connection now. */
	int (*act)(struct connection *c, int fd, const void *v, size_t len);
};

struct option_table {
	const struct option *rows;
	size_t count;
};

extern const struct option_table options_ciphers;     /* versions, suites, groups */
extern const struct option_table options_credentials; /* what to show and to trust */
extern const struct option_table options_peer;	      /* how the peer is verified */
extern const struct option_table options_protocol;    /* what to agree on */
extern const struct option_table options_keys;	      /* what is derived from the session */
extern const struct option_table options_session;     /* what to resume and to share */
extern const struct option_table options_facts;	      /* what was agreed on, and failures */
extern const struct option_table options_psk;	      /* keys that both ends share */
extern const struct option_table options_actions;
extern const struct option_table options_zephyr; /* kept, without effect */
extern const struct option_table options_revocation;

#define OPTION_TABLE(rows)                                                                         \
	{                                                                                          \
		(rows), sizeof(rows) / sizeof((rows)[0])                                           \
	}

/* Returns the option's row, or NULL. */
const struct option *options_find(int name);

/* Numbers from 0 to max that are kept in the settings; int and unsigned int of the API. */
int options_get_number(struct connection *c, const struct option *o, struct option_value *out);
int options_set_number(struct connection *c, const struct option *o, const void *v, size_t len);

/* What is to be shown or trusted, by the option's name. */
int options_set_credential(struct connection *c, const struct option *o, const void *v, size_t len);

/* Make a value: 0 or -ENOMEM. */
int options_value(struct option_value *out, const void *data, size_t len);
int options_text_value(struct option_value *out, const char *text);
int options_int_value(struct option_value *out, int value);

/* A fact that the engine tells as text. */
int options_engine_text(struct connection *c, int name, struct option_value *out);

/* Copies a text option without its NUL. -EINVAL if one is in the middle; -ENOMEM. */
int options_text(char **out, const void *v, size_t len);

/* An int option's value. -EINVAL for another size. */
int options_int(int *out, const void *v, size_t len);

/* Runs the handshake, as a getter of a fact needs it. -ENOTCONN while it is not done. */
int options_need_open(struct connection *c, int fd);

#endif /* OPTIONS_H */
