/* SPDX-License-Identifier: MIT */
/* The policy's file: from text to sections of keys that are known and values that make sense. */
#ifndef POLICYFILE_H
#define POLICYFILE_H

#include "policykeys.h"

#include <sys/socket.h>

enum policy_kind {
	POLICY_ALL,
	POLICY_PROGRAM,
	POLICY_DESTINATION,
	POLICY_LISTENER,
};

/* What a section is for; each a list, of which one item has to fit. */
enum policy_match {
	POLICY_MATCH_PROGRAM, /* patterns of paths */
	POLICY_MATCH_HOST,    /* patterns of names */
	POLICY_MATCH_ADDRESS, /* ADDRESS or ADDRESS/PREFIX */
	POLICY_MATCH_PORT,    /* PORT or PORT-PORT */
	POLICY_MATCHES
};

enum { POLICY_LABEL = 50 };

struct policy_section {
	enum policy_kind kind;
	char title[POLICY_LABEL]; /* as it stands between the brackets */
	int line;
	char *matches[POLICY_MATCHES]; /* NULL: whatever it is */
	struct policy_value values[POLICY_KEYS];
};

struct policy_error {
	int line; /* 0: of the file as such */
	char *text;
};

/* With errors nothing in it holds. */
struct policy {
	char *path;
	struct policy_section *sections;
	size_t count;
	struct policy_error *errors; /* by line */
	size_t error_count;
};

/* Parses text. 0, with the errors that it has in the policy; or -ENOMEM. */
int policy_parse(const char *path, const char *text, size_t len, struct policy **out);

/*
 * Reads a file. of_system: only what nobody but root can write; and one that is not there
 * is no policy: *out is NULL.
 */
int policy_read(const char *path, bool of_system, struct policy **out);

/* Notes one more error. 0 or -ENOMEM. */
int policy_add_error(struct policy *p, int line, const char *text);
void policy_free(struct policy *p);

/* True if one of a list of patterns, addresses or ports fits. NULL fits none. */
bool policy_match_program(const char *list, const char *path);
bool policy_match_host(const char *list, const char *name);
/* A server's own address, or where a client connects to. */
bool policy_match_address(const char *list, const struct sockaddr *address, bool server);
bool policy_match_port(const char *list, unsigned int port);

/* 0, or -EINVAL with the reason. */
int policy_match_check(enum policy_match match, const char *list, char *reason, size_t size);

#endif /* POLICYFILE_H */
