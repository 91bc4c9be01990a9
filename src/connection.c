/* SPDX-License-Identifier: MIT */
#include "connection.h"

#include "ask.h"
#include "libc.h"
#include "log.h"
#include "names.h"
#include "signals.h"
#include "watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Error-checking: a signal handler that comes in again is refused, not stuck. */
static void init_lock(struct connection *c)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK);
	pthread_mutex_init(&c->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	pthread_cond_init(&c->left, NULL);
}

struct connection *connection_new(struct settings *settings)
{
	static atomic_ulong last_id;
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	init_lock(c);
	c->id = ++last_id;
	c->settings = settings;
	c->owed = -1;
	c->asking_fd = -1;
	c->rcvlowat = 1;
	owner_init(&c->owner);
	return c;
}

void connection_free(void *connection)
{
	struct connection *c = connection;

	watch_free(c);
	ask_drop(c);
	engine_free(c->engine);
	buffer_fini(&c->in);
	buffer_fini(&c->out);
	owner_fini(&c->owner);
	settings_put(c->effective);
	credentials_release(c->kept);
	settings_put(c->settings);
	pthread_cond_destroy(&c->left);
	pthread_mutex_destroy(&c->lock);
	free(c->alpn_list);
	free(c->error_text);
	free(c->peer);
	free(c);
}

static int lock_by(struct connection *c, int (*lock)(pthread_mutex_t *mutex))
{
	signals_hold();
	if (lock(&c->lock) == 0)
		return 0;
	signals_let();
	return -EAGAIN;
}

int connection_lock(struct connection *c)
{
	return owner_orphaned() ? -EBADFD : lock_by(c, pthread_mutex_lock);
}

int connection_enter(struct connection *c, int fd)
{
	int r = connection_lock(c);

	if (r == 0 && !fdtable_names(fd, c->entry)) {
		connection_unlock(c);
		r = -EBADF;
	}
	return r;
}

int connection_trylock(struct connection *c)
{
	return lock_by(c, pthread_mutex_trylock);
}

void connection_unlock(struct connection *c)
{
	pthread_mutex_unlock(&c->lock);
	signals_let();
}

/* What this thread waits for, so that a signal handler's close does not wait for it. */
static __thread const struct connection *waiting_here;

void connection_fork_lock(struct connection *c)
{
	/* fork's other locks hold signals. It fails only where connection_lock() would. */
	pthread_mutex_lock(&c->lock);
}

void connection_fork_parent(struct connection *c)
{
	pthread_mutex_unlock(&c->lock);
}

void connection_fork_child(struct connection *c)
{
	/* The thread has another number now, and the threads that waited are gone. */
	init_lock(c);
	c->waiters = 0;
	c->driving = 0;
	c->flushers = 0;
	c->closing = false;
	watch_fork_child(c);
}

uint64_t connection_cookie(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return libc.getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) < 0 ? 0 : cookie;
}

bool connection_is(const struct connection *c, int fd)
{
	return c->cookie == 0 || connection_cookie(fd) == c->cookie;
}

static void relock(struct connection *c)
{
	/* A child without fork's handlers is to unlock nothing either: that fails. */
	if (!owner_orphaned())
		pthread_mutex_lock(&c->lock);
	c->waiters--;
	if (c->waiters == 0 && c->closing)
		pthread_cond_broadcast(&c->left);
}

struct wait {
	struct connection *c;
	const struct connection *outer;
	void (*undo)(void *arg);
	void *arg;
};

static void put(void *arg)
{
	const struct connection *c = arg;

	fdtable_put(c->entry);
}

/* Cancelled, or jumped away from by a signal handler. */
static void leave(void *arg)
{
	const struct wait *w = arg;

	signals_hold();
	waiting_here = w->outer;
	if (w->undo)
		w->undo(w->arg);
	relock(w->c);
	pthread_mutex_unlock(&w->c->lock);
	put(w->c);
	signals_let();
}

void connection_cancel_point(struct connection *c)
{
	signals_cancel_point(put, c);
}

unsigned int connection_waiting_here(const struct connection *c)
{
	return waiting_here == c ? 1 : 0;
}

int connection_wait(struct connection *c, int fd, int (*op)(void *arg), void (*undo)(void *arg),
		    void *arg)
{
	struct wait w = {c, waiting_here, undo, arg};
	struct signals_wait signals;
	unsigned int sessions = c->sessions;
	int r;

	c->waiters++;
	waiting_here = c;
	pthread_mutex_unlock(&c->lock);
	CLEANUP_PUSH(leave, &w);
	r = signals_open(&signals) ? -EINTR : op(arg);
	signals_close(&signals);
	CLEANUP_POP(0);
	waiting_here = w.outer;
	relock(c);
	if (c->closing)
		return -EINTR;
	if (!fdtable_names(fd, c->entry))
		return -EBADF;
	if (c->sessions != sessions)
		return -EPIPE;
	/* fork may have come by: the session is to be claimed again. */
	return r == 0 && c->engine ? connection_claim(c) : r;
}

int connection_wait_begun(struct connection *c, int fd, int (*op)(void *arg),
			  void (*undo)(void *arg), void *arg, const bool *begun)
{
	int r;

	do
		r = connection_wait(c, fd, op, undo, arg);
	while (r == -EINTR && !*begun && !c->closing);
	return r;
}

int64_t connection_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t connection_end_ms(unsigned int timeout_ms)
{
	return timeout_ms ? connection_now_ms() + timeout_ms : -1;
}

int connection_left_ms(int64_t end_ms)
{
	int64_t left;

	if (end_ms < 0)
		return -1;
	left = end_ms - connection_now_ms();
	return left <= 0 ? 0 : left > 1 << 30 ? 1 << 30 : (int)left;
}

int64_t connection_socket_end_since_ms(int fd, int option, int64_t start_ms)
{
	struct timeval tv = {0};
	socklen_t len = sizeof(tv);
	int64_t ms;

	if (libc.getsockopt(fd, SOL_SOCKET, option, &tv, &len) < 0)
		return -1;
	ms = (int64_t)tv.tv_sec * 1000 + (tv.tv_usec + 999) / 1000;
	return ms ? start_ms + ms : -1;
}

int64_t connection_socket_end_ms(int fd, int option)
{
	return connection_socket_end_since_ms(fd, option, connection_now_ms());
}

short connection_events(const struct connection *c, short events)
{
	return (events & POLLOUT) && !c->peer_shut ? (short)(events | POLLRDHUP) : events;
}

void connection_saw(struct connection *c, short revents)
{
	c->peer_shut = c->peer_shut || (revents & POLLRDHUP);
}

bool connection_restarts(const struct connection *c, int result, int64_t end_ms)
{
	return result == -EINTR && end_ms < 0 && !c->closing && signals_restart();
}

struct poll_wait {
	struct pollfd pfd;
	int64_t end_ms;
};

static int poll_op(void *arg)
{
	struct poll_wait *w = arg;
	int n = libc.poll(&w->pfd, 1, connection_left_ms(w->end_ms));

	if (n < 0)
		return -errno;
	return n == 0 ? -ETIMEDOUT : 0;
}

int connection_poll(struct connection *c, int fd, short events, int64_t end_ms)
{
	struct poll_wait w = {{.fd = fd, .events = connection_events(c, events)}, end_ms};
	int r = connection_wait(c, fd, poll_op, NULL, &w);

	connection_saw(c, w.pfd.revents);
	return r;
}

bool connection_nonblocking(int fd, int flags)
{
	return (flags & MSG_DONTWAIT) || (libc.fcntl64(fd, F_GETFL) & O_NONBLOCK);
}

/* API.md's table of errors: Zephyr has one for all of these. */
static int of_family(const struct connection *c, int error)
{
	if (c->settings->zephyr && (error == -EPROTO || error == -EBADMSG))
		return -ECONNABORTED;
	return error;
}

int connection_explain(struct connection *c, int error, const char *step, const char *reason)
{
	const char *peer = c->peer ? c->peer : "no peer yet";
	char *text = NULL;

	if (asprintf(&text, "%s: %s: %s", peer, step, reason) < 0)
		text = NULL;
	else
		log_clean(text, strlen(text));
	free(c->error_text);
	c->error_text = text;
	/* How the peer of a socket that is being closed has ended nobody asks any more. */
	log_line(c->closing && c->was_open ? LEVEL_INFO : LEVEL_ERROR, "%s: %s: %s", peer, step,
		 reason);
	return error;
}

int connection_fail(struct connection *c, int fd, int error, const char *step, const char *reason)
{
	struct pollfd p = {.fd = fd};

	/* The number was closed past us, of which the connection need know nothing. */
	if ((error == -ENOTSOCK || error == -EBADF) && !connection_is(c, fd))
		return -EBADF;
	error = of_family(c, error);
	c->state = STATE_FAILED;
	c->error = error;
	c->so_error = -error;
	/*
	 * Event loops see it in the kernel's state, and the peer is told. After a reset both
	 * are so: another shutdown would raise the event again.
	 */
	if (libc.poll(&p, 1, 0) != 1 || !(p.revents & POLLHUP))
		libc.shutdown(fd, SHUT_RDWR);
	return connection_explain(c, error, step, reason);
}

int connection_socket_error(const struct connection *c, int fd)
{
	int error = c->so_error;
	socklen_t len = sizeof(error);

	if (!error)
		libc.getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	return error;
}

ssize_t connection_told(struct connection *c, ssize_t result)
{
	if (result < 0 && result != -EAGAIN && result != -EINTR)
		c->so_error = 0;
	return result;
}

void connection_set_peer(struct connection *c, const char *name, const struct sockaddr *sa)
{
	char address[80];
	char *text = NULL;

	names_format(sa, 1, address, sizeof(address));
	if (asprintf(&text, name ? "%s (%s)" : "%.0s%s", name ? name : "", address) < 0)
		text = NULL;
	free(c->peer);
	c->peer = text;
}

bool connection_busy(const struct connection *c)
{
	return c->state == STATE_CONNECTING ||
	       (c->state == STATE_HANDSHAKE && !owner_is_others(&c->owner));
}

int connection_claim(struct connection *c)
{
	return owner_claim(&c->owner) ? 0 : -EBADFD;
}
