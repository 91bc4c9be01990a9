/* SPDX-License-Identifier: MIT */
#include "selects.h"

#include "libc.h"
#include "readiness.h"
#include "signals.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BITS = NFDBITS };

/* How select(2) says its sets in poll's terms. */
enum {
	READ_ASKED = POLLIN | POLLRDNORM | POLLRDBAND,
	READ_SHOWN = READ_ASKED | POLLHUP | POLLERR,
	WRITE_ASKED = POLLOUT | POLLWRNORM | POLLWRBAND,
	WRITE_SHOWN = WRITE_ASKED | POLLERR,
	EXCEPT = POLLPRI,
};

static bool has(const fd_set *set, int fd)
{
	return set && (set->fds_bits[fd / BITS] & (fd_mask)1 << fd % BITS);
}

/* The next number from fd on that is in one of the sets; -1: none. */
static int next(const struct selects *s, int fd)
{
	while (fd < s->n) {
		size_t i = (size_t)fd / BITS;
		unsigned long bits = (selects_word(s->read, i) | selects_word(s->write, i) |
				      selects_word(s->except, i)) >>
				     fd % BITS;

		if (bits) {
			fd += __builtin_ctzl(bits);
			return fd < s->n ? fd : -1;
		}
		fd = (fd / BITS + 1) * BITS;
	}
	return -1;
}

bool selects_concern(const struct selects *s)
{
	int end = (int)fdtable_end(), n = s->n < end ? s->n : end;

	for (int fd = 0; fd < n; fd += BITS) {
		size_t i = (size_t)fd / BITS;
		unsigned long bits = fdtable_word(i);

		/* By our numbers: the sets may be shorter than is said (see table_size()). */
		if (bits)
			bits &= selects_word(s->read, i) | selects_word(s->write, i) |
				selects_word(s->except, i);
		if (bits && fd + __builtin_ctzl(bits) < n)
			return true;
	}
	return false;
}

/*
 * The kernel looks at no more bits than its table has numbers, so that programs may say
 * getdtablesize() with a set of FD_SETSIZE.
 */
static int table_size(int n)
{
	FILE *status = n > FD_SETSIZE ? libc.fopen("/proc/self/status", "re") : NULL;
	int size = n;
	char line[128];

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "FDSize: %d", &size) == 1)
			break;
	if (status)
		fclose(status);
	return size < n ? size : n;
}

/* Returns how many numbers there are, and writes them if there is room. */
static nfds_t list(const struct selects *s, struct pollfd *fds)
{
	nfds_t n = 0;

	for (int fd = next(s, 0); fd >= 0; fd = next(s, fd + 1), n++) {
		int events = 0;

		if (!fds)
			continue;
		if (has(s->read, fd))
			events |= READ_ASKED;
		if (has(s->write, fd))
			events |= WRITE_ASKED;
		if (has(s->except, fd))
			events |= EXCEPT;
		fds[n] = (struct pollfd){.fd = fd, .events = (short)events};
	}
	return n;
}

static bool is_bad(const struct pollfd *fds, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++)
		if (fds[i].revents & POLLNVAL)
			return true;
	return false;
}

/* Clears the bit where it was set in vain. Returns how many remain: 0 or 1. */
static int keep(fd_set *set, const struct pollfd *p, int shown)
{
	if (!has(set, p->fd))
		return 0;
	if (p->revents & shown)
		return 1;
	set->fds_bits[p->fd / BITS] &= ~((fd_mask)1 << p->fd % BITS);
	return 0;
}

/* A number that is not polled again is there as its complement, below zero. */
static int keep_all(const struct selects *s, const struct pollfd *polled)
{
	struct pollfd at = *polled, *p = &at;

	at.fd = at.fd < 0 ? ~at.fd : at.fd;
	return keep(s->read, p, READ_SHOWN) + keep(s->write, p, WRITE_SHOWN) +
	       keep(s->except, p, EXCEPT);
}

/* What select shows of a number, in poll's terms. */
static bool is_shown(const struct selects *s, const struct pollfd *p)
{
	return (p->revents & POLLNVAL) || (has(s->read, p->fd) && (p->revents & READ_SHOWN)) ||
	       (has(s->write, p->fd) && (p->revents & WRITE_SHOWN)) ||
	       (has(s->except, p->fd) && (p->revents & EXCEPT));
}

/* poll also tells of ends and errors that nobody asked for: those are not polled again. */
static bool nothing_shown(const struct selects *s, struct pollfd *fds, nfds_t n)
{
	for (nfds_t i = 0; i < n; i++)
		if (fds[i].fd >= 0 && is_shown(s, &fds[i]))
			return false;
	for (nfds_t i = 0; i < n; i++)
		if (fds[i].fd >= 0 && fds[i].revents)
			fds[i].fd = ~fds[i].fd;
	return true;
}

static int wait_for(const struct selects *s, struct pollfd *fds, nfds_t n, int64_t end_ns,
		    const sigset_t *mask)
{
	struct timespec space;
	int r;

	do
		r = readiness_poll(fds, n, readiness_left(end_ns, -1, &space), mask);
	while (r > 0 && nothing_shown(s, fds, n) && !signals_came());
	if (r > 0 && nothing_shown(s, fds, n))
		r = -EINTR;
	return r >= 0 && is_bad(fds, n) ? -EBADF : r;
}

/* In a handler that jumps away, or a thread that is cancelled, too. */
static void drop(void *memory)
{
	signals_hold();
	free(memory);
	signals_let();
}

int selects_select(const struct selects *asked, struct timespec *timeout, const sigset_t *mask)
{
	const struct selects cut = {table_size(asked->n), asked->read, asked->write, asked->except};
	const struct selects *s = &cut;
	nfds_t n = list(s, NULL);
	struct pollfd *fds = calloc(n, sizeof(*fds));
	int64_t end_ns = readiness_end_ns(timeout);
	int r, bits = 0;

	if (!fds)
		return -ENOMEM;
	list(s, fds);
	CLEANUP_PUSH(drop, fds);
	r = wait_for(s, fds, n, end_ns, mask);
	/* On EINTR too (select(2), notes). */
	if (end_ns >= 0)
		(void)readiness_left(end_ns, -1, timeout);
	for (nfds_t i = 0; r >= 0 && i < n; i++)
		bits += keep_all(s, &fds[i]);
	CLEANUP_POP(1);
	return r < 0 ? r : bits;
}
