/* SPDX-License-Identifier: MIT */
/*
 * A query to an OCSP responder, by the program tlssock-ocsp: what goes over HTTP and what comes
 * back; what that is worth is others' business. The program must not notice its child: it is
 * the child of a keeper, a copy of this process that does nothing but wait, which has no exit
 * signal. So no SIGCHLD comes, and no wait for any child finds it (clone(2), __WCLONE).
 */
#ifndef QUERY_H
#define QUERY_H

#include <stdbool.h>
#include <stddef.h>

struct query;

/*
 * Which program to start; NULL: the installed one. Also what the environment may say
 * (TLSSOCK_OCSP). A privileged process, one that is set-user-id, gives it no environment.
 * 0 or -ENOMEM.
 */
int query_init(const char *program, bool privileged);

/* Starts one that ends by itself after so many milliseconds. 0 or a negative errno. */
int query_start(struct query **out, const char *url, const void *request, size_t len,
		unsigned int ms);

/* Readable when there is something new. */
int query_fd(const struct query *q);

/*
 * Takes what has come, without waiting. 0: it is over, with the response, or NULL and a
 * sentence on why there is none, both valid until query_free(); -EAGAIN.
 */
int query_step(struct query *q, const void **response, size_t *len, const char **why);

/* Ends it. Takes NULL. */
void query_free(struct query *q);

#endif /* QUERY_H */
