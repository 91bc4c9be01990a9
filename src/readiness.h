/* SPDX-License-Identifier: MIT */
/*
 * poll with TLS sockets among the descriptors. The kernel's answer is right but
 * for what it cannot know: handshakes have to be driven, and a record may hold no
 * application data.
 */
#ifndef READINESS_H
#define READINESS_H

#include "connection.h"

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <time.h>

/* So many a process may have, as a rule. */
enum { READINESS_FEW = 256 };

/*
 * True if one of the descriptors is ours; changes none of them. All that others pay. Not
 * const: glibc declares that poll only writes to them, and gcc would say that we read what
 * nobody has set.
 */
static inline bool readiness_among(struct pollfd *fds, nfds_t n, unsigned int end)
{
	for (nfds_t i = 0; i < n; i++)
		if (fdtable_has_below(end, fds[i].fd))
			return true;
	return false;
}

/* The same, or that there are many, which readiness_among_many() looks at. */
static inline bool readiness_concerns(struct pollfd *fds, nfds_t n)
{
	unsigned int end = fdtable_end();

	if (end == 0)
		return false;
	return n > READINESS_FEW || readiness_among(fds, n, end);
}

/* Of more than a process may have, the kernel reads none (poll(2)): false. */
bool readiness_among_many(struct pollfd *fds, nfds_t n);

/*
 * ppoll(2): timeout NULL waits for good, mask may be NULL. Returns its result, or a
 * negative errno.
 */
int readiness_poll(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		   const sigset_t *mask);

/* False for what the calls refuse with EINVAL. */
bool readiness_valid(const struct timespec *timeout);

/* A timeout of poll or epoll_wait in milliseconds, as this file has it. */
const struct timespec *readiness_timeout(int timeout_ms, struct timespec *space);

/*
 * With the connection's lock, no handshake being under way: what the kernel says, less
 * what the program would find not to be so, and more for a session that failed. The
 * bits are poll's, which are epoll's too.
 */
uint32_t readiness_true(struct connection *c, int fd, uint32_t events);

/* Until when a wait lasts: nanoseconds of the monotonic clock, -1: for good. */
int64_t readiness_end_ns(const struct timespec *timeout);

/* What is left until then, or until a handshake must be looked at (ms, -1: none). */
const struct timespec *readiness_left(int64_t end_ns, int64_t look_ms, struct timespec *space);

/* True if it is over. */
bool readiness_over(int64_t end_ns);

#endif /* READINESS_H */
