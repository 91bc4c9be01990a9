/* SPDX-License-Identifier: MIT */
/* The keys of the policy's file: what each takes, and what it means for a setting. */
#ifndef POLICYKEYS_H
#define POLICYKEYS_H

#include "settings.h"

enum policy_key {
	POLICY_ALLOW_TRUNCATION,
	POLICY_CACHED_REVOCATION,
	POLICY_CERTIFICATE,
	POLICY_CIPHERS,
	POLICY_CRL,
	POLICY_CRL_FILE,
	POLICY_EARLY_DATA,
	POLICY_GROUPS,
	POLICY_HANDSHAKE_TIMEOUT,
	POLICY_KEY,
	POLICY_MAXIMUM_VERSION,
	POLICY_MINIMUM_VERSION,
	POLICY_OCSP,
	POLICY_OCSP_STAPLED,
	POLICY_OVERRIDE,
	POLICY_PRIORITY,
	POLICY_RESUMPTION,
	POLICY_REVOCATION,
	POLICY_SECURITY_LEVEL,
	POLICY_SERVER_STAPLING,
	POLICY_SESSION_LIFETIME,
	POLICY_TICKET_KEY_FILE,
	POLICY_TRUST,
	POLICY_VERIFY_CLIENTS,
	POLICY_VERIFY_NAMES,
	POLICY_VERIFY_SERVERS,
	POLICY_KEYS
};

/* What a program may ask for beside the policy's value, and what holds if it asks for nothing. */
enum policy_rule {
	POLICY_AT_LEAST, /* a greater number; the policy's */
	POLICY_AT_MOST,	 /* a smaller number; the policy's */
	POLICY_LIMIT,	 /* a smaller number; nothing */
	POLICY_PART,	 /* a list: what both have; all of it */
	POLICY_SAME,	 /* the same text; that */
	POLICY_OTHER,	 /* see policyapply.c */
};

struct policy_word {
	const char *word; /* NULL ends a list of them */
	int64_t number;
};

struct policy_key_row {
	const char *name;
	enum policy_rule rule;
	int setting;	       /* a setting_number or, by the rule, a setting_value */
	const char *option;    /* what a program asks with */
	const char *otherwise; /* what holds if neither says anything */
	bool clients_only;     /* says nothing of the sockets of servers */
	bool servers_only;     /* nor of clients */
	bool list;	       /* separated by commas */
	bool path;	       /* absolute */
	bool zero_is_most;     /* 0 means without a limit */
	int64_t least, most;   /* of a plain number; 0, 0: it has words, or is text */
	const struct policy_word *words;
};

extern const struct policy_key_row policy_keys[POLICY_KEYS];

struct policy_value {
	int line; /* 0: not told */
	int64_t number;
	char *text; /* of what is no number, and of override */
};

/* Returns the key of a name, or -1. */
int policy_key_find(const char *name);

/*
 * Parses a value into what is not a list's text. 0, -EINVAL with the reason, -ENOMEM. What
 * was in *out is not looked at.
 */
int policy_key_parse(enum policy_key key, const char *text, struct policy_value *out, char *reason,
		     size_t size);

/* Puts a value as it stands in a file into text. */
void policy_key_format(enum policy_key key, const struct policy_value *value, char *text,
		       size_t size);

/*
 * The next item of a list that is separated by commas, without the blanks around it; *rest
 * is where to go on. Returns its length; 0 at the end, or for an empty item, where *rest
 * is not at the end.
 */
size_t policy_list_next(const char **rest, const char **item);

/* True if a key's list has the item, in capitals or not, or a suite by another name. */
bool policy_list_has(enum policy_key key, const char *list, const char *item, size_t len);

#endif /* POLICYKEYS_H */
