/* SPDX-License-Identifier: MIT */
/*
 * Programs that do TLS for others: between a plain client and a plain server, or in front
 * of a plain server. They are started for one run of a case and end with it.
 */
#ifndef BENCH_PROXIES_H
#define BENCH_PROXIES_H

#include "process.h"

#include <netinet/in.h>
#include <stdbool.h>

enum proxy_kind { PROXY_NONE, PROXY_STUNNEL, PROXY_HAPROXY, PROXY_HITCH };

struct proxy_task {
	const char *identity; /* directory with the files of a key */
	const char *cipher;   /* IANA name */
	bool resume;
	bool pin;	  /* each to the CPU of its side */
	in_port_t behind; /* the server's; 0: a free one is chosen */
};

struct proxies {
	in_port_t connect; /* where the client connects */
	in_port_t listen;  /* where the server must listen */
	char client[64];   /* processes of the client's side, by commas, or "" */
	char server[64];
	struct process processes[2];
	int count;
};

/* PROXY_NONE: there is none of that name. */
enum proxy_kind proxies_find(const char *name);

/* Whether it is installed. */
bool proxies_have(enum proxy_kind kind);

/* False, with a line on stderr, if one does not come to listen; they have ended then. */
bool proxies_start(struct proxies *proxies, enum proxy_kind kind, const struct proxy_task *task);
/* Reaps all children that have ended: there must be none whose status is of interest. */
void proxies_stop(struct proxies *proxies);

/* What it says of its version, in a line. */
void proxies_version(enum proxy_kind kind, char *text, size_t size);

#endif /* BENCH_PROXIES_H */
