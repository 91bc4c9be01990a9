/* SPDX-License-Identifier: MIT */
#include "closing.h"

#include "drain.h"
#include "early.h"
#include "handlers.h"
#include "handshake.h"
#include "input.h"
#include "libc.h"
#include "linger.h"
#include "output.h"
#include "receive.h"
#include "signals.h"

#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <sys/ioctl.h>
#include <time.h>

/* One that has not left by then has jumped out of its wait (siglongjmp). */
enum { LEAVE_S = 1 };

/* exec waits for the peers' kernels. Acknowledgements raise no event. */
enum { EXEC_MS = 10000, EXEC_TICK_MS = 10 };

/* How long what was sent before the handshake keeps close waiting for that, and exit in all. */
enum { EARLY_MS = 10000 };

void closing_release(void *connection)
{
	pending_remove(connection);
	connection_free(connection);
}

int closing_notify(struct connection *c)
{
	size_t before = engine_output(c->engine)->len;
	int r;

	if (c->write_closed)
		return 0;
	r = engine_close(c->engine);
	c->write_closed = true;
	c->notify_bytes = engine_output(c->engine)->len - before;
	return r;
}

static int shutdown_open(struct connection *c, int fd, int how)
{
	bool said = how != SHUT_RD && !c->write_closed;
	/* Meant for them, as a rule: the peer may take nothing for good. */
	bool others_wait = how == SHUT_RDWR && c->flushers > 0;
	int r = 0;

	if (how != SHUT_RD) {
		c->write_shut = true;
		closing_notify(c);
		r = others_wait || connection_nonblocking(fd, 0) ? output_flush(c, fd)
								 : output_flush_wait(c, fd, false);
		/*
		 * FIN must come behind what is still in our queue: close sees to that. They
		 * wake up of SHUT_RD, unless the peer's end was seen before.
		 */
		if (output_pending(c) && !(others_wait && c->peer_shut))
			how = how == SHUT_WR ? -1 : SHUT_RD;
	}
	if (how == SHUT_RD || how == SHUT_RDWR)
		c->read_shut = true;
	/* A peer that is gone answers close_notify with a reset, which FIN alone would not draw. */
	if (how >= 0 && libc.shutdown(fd, how) < 0 && !(said && r == 0 && errno == ENOTCONN))
		return -errno;
	if (r == -EPIPE || r == -ECONNRESET)
		return -ENOTCONN;
	return r == -EAGAIN ? 0 : r;
}

static int shutdown_locked(struct connection *c, int fd, int how)
{
	int r = 0;

	if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
		return -EINVAL;
	/* Of what was sent before it the server has nothing without the rest of it. */
	if (c->state == STATE_HANDSHAKE && (how != SHUT_RD || early_waits(c)))
		r = handshake_need(c, fd, !early_waits(c) && connection_nonblocking(fd, 0), -1);
	if (r == -EINTR || r == -EBADFD)
		return r;
	if (c->state == STATE_OPEN && connection_claim(c) == 0) {
		r = shutdown_open(c, fd, how);
		/* A program that has said its last word may end in any way. */
		if (how != SHUT_RD)
			drain_records(c, fd);
		return r;
	}
	if (c->state == STATE_NEW)
		c->shut_early |= 1u << how;
	/* The kernel's socket is shut down already, but raises the event of the end again. */
	if (libc.shutdown(fd, how) < 0)
		return -errno;
	return c->state == STATE_FAILED ? -ENOTCONN : 0;
}

int closing_shutdown(struct connection *c, int fd, int how)
{
	int r = connection_lock(c);

	if (r < 0)
		return r;
	r = shutdown_locked(c, fd, how);
	connection_unlock(c);
	return r;
}

/* SO_LINGER's time; -1: it is off. With time 0 the program wants a reset. */
static int linger_seconds(int fd)
{
	struct linger linger = {0};
	socklen_t len = sizeof(linger);

	if (libc.getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) < 0 || !linger.l_onoff)
		return -1;
	return linger.l_linger;
}

static void hand_over(struct closing_rest *rest)
{
	if (rest->own)
		linger_add(rest->own, &rest->sealed);
}

static void keep(struct connection *c, int fd, struct closing_rest *rest)
{
	struct buffer *sealed = c->engine ? engine_output(c->engine) : NULL;

	rest->own = linger_full() ? NULL : ownfd_dup(fd);
	/* Or the kernel waits in the last close: with a lock, and for others too. */
	if (rest->own && rest->seconds > 0)
		libc.setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){0},
				sizeof(struct linger));
	rest->sealed = c->out;
	c->out = (struct buffer){0};
	if (sealed && buffer_append(&rest->sealed, buffer_head(sealed), sealed->len) == 0)
		buffer_fini(sealed);
	buffer_trim(&rest->sealed);
}

/*
 * The kernel sees to what it has, unless something comes to be answered with a reset. Behind the
 * peer's close_notify nothing does, but where the stream goes on in the clear. Before it that
 * is what the peer's program sends, as over TCP, and its close_notify: as a rule it has read
 * all by then, and it has all of the data in any case, so close_notify and FIN alone are
 * not worth a descriptor and a thread. The kernel's own wait is no place for SO_LINGER's.
 */
static bool arrives_alone(const struct connection *c, int fd, int linger_s)
{
	bool open = c->state == STATE_OPEN && linger_s <= 0;
	int unsent = 0;

	if (open && c->read_closed && !c->end_kept)
		return true;
	if (libc.ioctl(fd, SIOCOUTQ, &unsent) < 0 || unsent == 0)
		return true;
	return open && engine_settled(c->engine) && (size_t)unsent <= c->notify_bytes + 1;
}

/* What we sent is on its way, or still here: see that it arrives. */
static void finish(struct connection *c, int fd, struct closing_rest *rest)
{
	if (output_pending(c)) {
		keep(c, fd, rest);
		return;
	}
	libc.shutdown(fd, SHUT_WR);
	input_discard(fd);
	if (!arrives_alone(c, fd, rest->seconds))
		keep(c, fd, rest);
}

/* rest->seconds is known. */
static void goodbye(struct connection *c, int fd, int64_t end_ms, struct closing_rest *rest)
{
	if (c->state == STATE_NEW || c->state == STATE_LISTENING || c->state == STATE_CONNECTING)
		return;
	if (!owner_claim_last(&c->owner) || rest->seconds == 0)
		return;
	early_finish(c, fd, end_ms);
	if (c->state != STATE_OPEN) {
		finish(c, fd, rest);
		return;
	}
	/* Plaintext that nobody read: the byte left in the kernel makes it a reset, as TCP's. */
	if (!c->read_closed && !c->truncated)
		connection_readable(c, fd);
	if (engine_pending(c->engine) > 0)
		return;
	if (c->state == STATE_OPEN) {
		closing_notify(c);
		output_flush(c, fd);
	}
	finish(c, fd, rest);
}

/* A descriptor's number must not be reused while a thread may still call with it. */
static void send_waiters_away(struct connection *c, int fd, const struct closing_rest *rest)
{
	struct timespec until;

	if (c->waiters == 0)
		return;
	/* Other processes accept from this socket too: threads here sleep on, as TCP's. */
	if (c->state == STATE_LISTENING && c->shared)
		return;
	/* The rest is still to be sent: those who wait for room look for this end, too. */
	libc.shutdown(fd, rest->sealed.len ? SHUT_RD : SHUT_RDWR);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += LEAVE_S;
	while (c->waiters > connection_waiting_here(c))
		if (pthread_cond_timedwait(&c->left, &c->lock, &until) != 0)
			return;
}

/* The lingerer's part where there is no descriptor for it. */
static void send_here(struct closing_rest *rest, int fd)
{
	if (!rest->own && rest->sealed.len)
		linger_rest(fd, &rest->sealed);
}

/* SO_LINGER's time bounds it, too. */
static int64_t early_end_ms(int seconds)
{
	return connection_now_ms() +
	       (seconds > 0 && seconds < EARLY_MS / 1000 ? seconds * 1000 : EARLY_MS);
}

void closing_last(struct connection *c, int fd, struct closing_rest *rest)
{
	*rest = (struct closing_rest){.seconds = -1};
	/* A signal handler that closes what its own thread is using: it is just closed. */
	if (connection_lock(c) < 0)
		return;
	c->closing = true;
	pending_remove(c);
	rest->seconds = linger_seconds(fd);
	goodbye(c, fd, early_end_ms(rest->seconds), rest);
	send_waiters_away(c, fd, rest);
	connection_unlock(c);
	send_here(rest, fd);
}

void closing_end(struct closing_rest *rest)
{
	if (rest->own && rest->seconds > 0)
		linger_for(rest->own, &rest->sealed, rest->seconds);
	else
		hand_over(rest);
}

void closing_at_exit(struct connection *c, int fd)
{
	static int64_t end_ms;
	struct closing_rest rest = {0};

	if (end_ms == 0)
		end_ms = connection_now_ms() + EARLY_MS;
	/* A thread is in the middle of it: exit does not wait for that. */
	if (connection_trylock(c) < 0)
		return;
	if (c->waiters == 0 && !c->closing) {
		c->closing = true;
		rest.seconds = linger_seconds(fd);
		goodbye(c, fd, end_ms, &rest);
	}
	connection_unlock(c);
	send_here(&rest, fd);
	hand_over(&rest);
}

/*
 * A handler may have come upon malloc, of which nothing must be asked then: only the kernel is
 * left, which has no part in what waits for the handshake.
 */
void closing_at_abrupt_exit(struct connection *c, int fd, int64_t end_ms)
{
	if (!handlers_may_run() && owner_is_self(&c->owner) && early_waits(c))
		closing_at_exit(c, fd);
	else if (c->state == STATE_OPEN && !c->closing && owner_is_self(&c->owner))
		linger_here(fd, end_ms);
}

/* What had been sent when first was true: other threads may go on sending meanwhile. */
static bool has_arrived(struct connection *c, int fd, bool first)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	int unsent = 0;

	if (libc.ioctl(fd, SIOCOUTQ, &unsent) < 0 || unsent == 0 ||
	    libc.getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
		return true;
	if (first || !c->exec_goal)
		c->exec_goal = info.tcpi_bytes_acked + (uint64_t)unsent;
	return info.tcpi_bytes_acked >= c->exec_goal;
}

/*
 * True if it may be closed now without a loss. Where application data is unread that makes a
 * reset, as it does over TCP, whatever has arrived.
 */
static bool may_go(struct connection *c, int fd, bool first)
{
	if (early_waits(c) && connection_is(c, fd) && handshake_step(c, fd) == -EAGAIN)
		return false;
	if (c->state != STATE_OPEN || !connection_is(c, fd) || linger_seconds(fd) == 0)
		return true;
	output_flush(c, fd);
	drain_records(c, fd);
	if (c->state != STATE_OPEN || c->out_error || engine_pending(c->engine) > 0)
		return true;
	/* A thread is in the middle of a send, and waits for room: as at exit, not for that. */
	if (c->flushers)
		return true;
	return !output_pending(c) && has_arrived(c, fd, first);
}

/* Another process's, as after fork, are no concern of ours. A lock that is held is soon free. */
static bool own_may_go(struct connection *c, int fd, bool first)
{
	bool may;

	if (!owner_is_self(&c->owner))
		return true;
	if (connection_trylock(c) < 0)
		return false;
	may = may_go(c, fd, first);
	connection_unlock(c);
	return may;
}

static bool all_may_go(bool first)
{
	bool may = true;

	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1)) {
		struct entry *e = fdtable_get(fd);

		if (e && e->object)
			may = own_may_go(e->object, fd, first) && may;
		fdtable_put(e);
	}
	return may;
}

void closing_before_exec(void)
{
	static atomic_bool in_vain; /* an exec that failed has waited to the end: once is enough */
	int64_t end_ms = connection_now_ms() + EXEC_MS;
	int state;

	/* exec is no cancellation point. */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	for (bool first = true; !(SIGNALS_HELD(all_may_go(first)) && linger_arrived());
	     first = false) {
		if (in_vain || connection_left_ms(end_ms) == 0) {
			in_vain = true;
			break;
		}
		libc.poll(NULL, 0, EXEC_TICK_MS);
	}
	pthread_setcancelstate(state, NULL);
}
