/* SPDX-License-Identifier: MIT */
/*
 * The sessions that clients of this process may resume, each under a digest of all that
 * it stands for: whom it was made with, what was told to trust, and how it was verified.
 * Bounded; what was used longest ago goes first. Each process has its own since fork.
 */
#ifndef SESSIONCACHE_H
#define SESSIONCACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SESSION_DIGEST = 32,
	SESSIONS_MOST = 256,
	SESSIONS_PER_DIGEST = 4, /* tickets for as many connections at once */
};

struct session {
	void *data; /* malloc'd; secret */
	size_t len;
	bool once;	     /* a ticket that is shown once (RFC 8446, C.4) */
	bool retried;	     /* the server asked for another key share */
	bool verified;	     /* the peer's chain and name were verified when it was made */
	unsigned int alpn;   /* what was agreed on: its place in the list, from 1; 0: nothing */
	int64_t expires_s;   /* by the clock that now_s of the others is of */
	int64_t came_ns;     /* a ticket, by the clock that GnuTLS has it grow old by */
	int64_t lifetime_s;  /* a ticket's, as its server says */
	unsigned int purges; /* sessioncache_purges() when its connection began */
};

/* Drops what a session holds. */
void session_fini(struct session *s);

/*
 * Keeps a copy. One that is not for once takes the place of those that were there.
 * Without memory nothing is kept, nor is what was begun before all were wiped.
 */
void sessioncache_put(const uint8_t digest[SESSION_DIGEST], const struct session *s);

/*
 * Gives a session for the digest, the newest, to be finished by the caller. One that is
 * for once is then gone. Returns false where there is none, or no memory.
 */
bool sessioncache_take(const uint8_t digest[SESSION_DIGEST], int64_t now_s, struct session *out);

/* Forgets the sessions of a digest: a connection that resumed one has failed. */
void sessioncache_drop(const uint8_t digest[SESSION_DIGEST]);

/* Wipes all; and how often that was done. */
void sessioncache_purge(void);
unsigned int sessioncache_purges(void);

/* For fork: nobody is in the middle of it. */
void sessioncache_lock(void);
void sessioncache_unlock(void);

#endif /* SESSIONCACHE_H */
