/* SPDX-License-Identifier: MIT */
/* What happens to descriptors as such: closed, duplicated, told apart at exec. */
#include "adopt.h"
#include "closing.h"
#include "connection.h"
#include "handoff.h"
#include "libc.h"
#include "linger.h"
#include "pending.h"
#include "sharing.h"
#include "signals.h"
#include "sockets.h"
#include "stdiofd.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>

/* What names the connection by a number that goes is told, with its lock. */
static void number_goes(struct connection *c, int fd, bool last)
{
	int other = last ? -1 : fdtable_next(0);

	watch_number_goes(c, fd, last);
	if (last || c->pending_fd != fd || !pending_has(c))
		return;
	while (other >= 0 && (other == fd || !fdtable_names(other, c->entry)))
		other = fdtable_next(other + 1);
	if (other >= 0)
		pending_add(c, other, c->handshake_end_ms);
}

/*
 * The real close of a number that is not the connection's last. A call that has the
 * lock may be about to use the number.
 */
static int close_one_of_several(struct connection *c, int fd)
{
	bool locked = connection_lock(c) == 0;
	int r;

	if (locked)
		number_goes(c, fd, false);
	r = libc.close(fd) < 0 ? -errno : 0;
	if (locked)
		connection_unlock(c);
	return r;
}

static void leave_sets(struct connection *c, int fd)
{
	/* Not in a signal handler that interrupted its own thread's call. */
	if (!c->watches || connection_lock(c) < 0)
		return;
	watch_number_goes(c, fd, true);
	connection_unlock(c);
}

static void forget_held(int fd)
{
	struct entry *e;
	bool last;

	if (owner_in_vfork_child())
		return;
	if (owner_orphaned()) {
		fdtable_clear(fd);
		return;
	}
	e = fdtable_begin_close(fd, &last);
	if (!e) {
		fdtable_unreserve(fd);
		return;
	}
	stdiofd_release(fd);
	if (!last && connection_lock(e->object) == 0) {
		number_goes(e->object, fd, false);
		connection_unlock(e->object);
	}
	fdtable_end_close(fd);
	fdtable_put(e);
}

/* Also called by what does not hold signals. */
void sockets_forget(int fd)
{
	signals_hold();
	forget_held(fd);
	signals_let();
}

static bool stale_held(int fd)
{
	struct entry *e = fdtable_get(fd);
	bool ours = e && e->object && !handoff_child();
	bool stale = ours && !connection_is(e->object, fd);

	if (e && !e->object && !handoff_child())
		stale = ownfd_stale(fd);
	fdtable_put(e);
	if (ours && stale)
		forget_held(fd);
	return stale;
}

bool sockets_stale(int fd)
{
	return SIGNALS_HELD(stale_held(fd));
}

static struct entry *entry_of_cookie(uint64_t cookie)
{
	for (int n = fdtable_next(0); n >= 0; n = fdtable_next(n + 1)) {
		struct entry *e = fdtable_get(n);
		const struct connection *c = e ? e->object : NULL;

		if (c && c->cookie == cookie)
			return e;
		fdtable_put(e);
	}
	return NULL;
}

int sockets_twin(int fd)
{
	uint64_t cookie = connection_cookie(fd);
	struct entry *e;

	sockets_forget(fd);
	e = cookie ? entry_of_cookie(cookie) : NULL;
	if (!e)
		return fd;
	if (!handoff_child())
		return adopt_number(fd, e, true);
	fdtable_put(e);
	return handoff_dead_end_at(fd, true);
}

int sockets_close(int fd)
{
	struct closing_rest rest = {0};
	struct entry *e;
	bool last = false;
	int r;

	/* A vfork child closes its own copy of the descriptor, not our parent's table. */
	if (handoff_child()) {
		if (owner_orphaned())
			fdtable_clear(fd);
		return libc.close(fd) < 0 ? -errno : 0;
	}
	if (sockets_stale(fd))
		return libc.close(fd) < 0 ? -errno : 0;
	e = fdtable_begin_close(fd, &last);
	if (!e)
		return -EBADF;
	if (last) {
		leave_sets(e->object, fd);
		closing_last(e->object, fd, &rest);
		r = libc.close(fd) < 0 ? -errno : 0;
	} else {
		r = close_one_of_several(e->object, fd);
	}
	fdtable_end_close(fd);
	stdiofd_release(fd);
	fdtable_put(e);
	closing_end(&rest);
	return r;
}

int sockets_close_whole(int fd)
{
	int state, r;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	r = SIGNALS_HELD(sockets_close(fd));
	pthread_setcancelstate(state, NULL);
	return r;
}

/* Closes, in the kernel, what is not ours between two numbers. */
static int close_plain(unsigned int first, unsigned int last, int flags)
{
	if (first > last)
		return 0;
	return libc.close_range(first, last, flags) < 0 ? -errno : 0;
}

int sockets_close_range(unsigned int first, unsigned int last, int flags)
{
	int r = first > last || (flags & ~(int)(CLOSE_RANGE_CLOEXEC | CLOSE_RANGE_UNSHARE))
			? -EINVAL
			: 0;

	/* A child of vfork closes, or marks, what is in its own table. */
	if (owner_in_vfork_child())
		return libc.close_range(first, last, flags) < 0 ? -errno : 0;

	if (r == 0 && (flags & (int)CLOSE_RANGE_UNSHARE))
		r = sharing_end_unless_alone("close_range");
	while (r == 0 && first <= last) {
		int fd = first > INT_MAX ? -1 : fdtable_next((int)first);

		if (fd < 0 || (unsigned int)fd > last)
			return close_plain(first, last, flags);
		if (fd > 0)
			r = close_plain(first, (unsigned int)fd - 1, flags);
		if (r == 0 && (flags & CLOSE_RANGE_CLOEXEC))
			fdtable_set_cloexec(fd, true);
		else if (r == 0)
			sockets_close(fd); /* the library's own stay open */
		first = (unsigned int)fd + 1;
	}
	return r;
}

int sockets_dup(struct entry *e, int fd, int min, bool cloexec)
{
	bool child = handoff_child();
	bool is_ours = e->object && connection_is(e->object, fd);
	int to = -EBADF;

	if (is_ours && child)
		to = handoff_dead_end_from(min, cloexec);
	else if (e->object || child)
		to = libc.fcntl64(fd, is_ours || cloexec ? F_DUPFD_CLOEXEC : F_DUPFD, min);
	if (to == -1)
		to = -errno;
	if (is_ours && !child && to >= 0)
		return adopt_number(to, e, cloexec);
	if (e->object && !is_ours)
		sockets_forget(fd);
	fdtable_put(e);
	return to;
}

/* The descriptor itself; in the kernel ours always has FD_CLOEXEC. */
static int real_dup_to(int fd, int to, bool cloexec)
{
	int r = libc.dup3(fd, to, cloexec ? O_CLOEXEC : 0);

	return r < 0 ? -errno : r;
}

/* dup2 in a child that must not touch the table. */
static int dup_in_child(int fd, int to, bool cloexec)
{
	struct entry *e = fdtable_get(fd);
	bool dead = e && e->object && connection_is(e->object, fd);

	fdtable_put(e);
	if (owner_orphaned())
		fdtable_clear(to);
	return dead ? handoff_dead_end_at(to, cloexec) : real_dup_to(fd, to, cloexec);
}

/*
 * A TLS socket onto a number that is not ours. A thread that writes to the number
 * meanwhile waits for the end: it must not meet the bare connection.
 */
static int dup_onto_plain(int fd, int to, struct entry *e, bool cloexec)
{
	int r = fdtable_begin_open(to);

	if (r == -EMFILE)
		r = -EBADF; /* dup2's word for a number that cannot be */
	if (r == 0) {
		stdiofd_take(to);
		r = real_dup_to(fd, to, true);
	}
	if (r >= 0)
		return adopt_number(to, e, cloexec);
	if (to >= 0 && fdtable_has(to)) {
		fdtable_end_close(to);
		stdiofd_release(to);
	}
	fdtable_put(e);
	return r;
}

/* With the lock: a call that has it may be about to use the number. */
static int dup_locked(int fd, int to, struct connection *old, bool last, bool cloexec)
{
	bool locked = connection_lock(old) == 0;
	int r;

	if (locked)
		number_goes(old, to, last);
	r = real_dup_to(fd, to, cloexec);
	if (locked) {
		old->closing = old->closing && r >= 0;
		connection_unlock(old);
	}
	return r;
}

/*
 * Without a descriptor by which leave could be taken later. dup then fails only if its
 * source is closed meanwhile.
 */
static int take_leave_first(int to, struct connection *old, struct closing_rest *rest)
{
	if (!fdtable_below_limit(to))
		return -EBADF;
	closing_last(old, to, rest);
	return 0;
}

/*
 * Onto one of ours. What was there is let go only when the number is no longer its
 * own: should dup fail, the number is what it was.
 */
static int dup_onto_ours(int fd, int to, struct entry *e, bool cloexec)
{
	struct closing_rest rest = {0};
	bool last = false, was_cloexec = fdtable_cloexec(to);
	struct entry *old = fdtable_begin_close(to, &last);
	int copy = last ? ownfd_high_dup(to) : -1;
	int r = old ? 0 : -EBUSY; /* another thread's dup2 has just come before */

	if (last && copy < 0)
		r = take_leave_first(to, old->object, &rest);
	if (r == 0)
		r = dup_locked(fd, to, old->object, last, cloexec || e);
	if (r < 0) {
		if (old)
			fdtable_install(to, old, was_cloexec);
		fdtable_put(e);
	} else {
		if (e)
			adopt_number(to, e, cloexec);
		else
			fdtable_end_close(to);
		stdiofd_release(to);
		if (copy >= 0)
			closing_last(old->object, copy, &rest);
	}
	if (copy >= 0)
		libc.close(copy);
	fdtable_put(old);
	closing_end(&rest);
	return r;
}

int sockets_dup_to(int fd, int to, bool cloexec)
{
	struct entry *e;

	if (fd == to)
		return real_dup_to(fd, to, cloexec);
	if (handoff_child())
		return dup_in_child(fd, to, cloexec);
	if (libc.fcntl64(fd, F_GETFD) < 0)
		return -EBADF;
	sockets_stale(fd);
	if (fdtable_is_reserved(fd))
		return -EBADF;
	sockets_stale(to);
	if (fdtable_is_reserved(to))
		linger_make_way(to);
	if (!fdtable_has(fd) && !fdtable_has(to))
		return real_dup_to(fd, to, cloexec);
	e = fdtable_get(fd);
	if (e && !e->object)
		return -EBADF;
	return fdtable_has(to) ? dup_onto_ours(fd, to, e, cloexec)
			       : dup_onto_plain(fd, to, e, cloexec);
}
