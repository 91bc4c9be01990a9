/* SPDX-License-Identifier: MIT */
/*
 * Waiting for readiness that does not come: timeouts and signals, on an open connection
 * and in a handshake whose peer is silent, by each call. On TCP both are connections to
 * which nothing comes.
 */
#include "look.h"
#include "proc.h"
#include "waiting.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <tlssock.h>
#include <unistd.h>

enum { LONG_MS = 20000, LATE_MS = 10000 };

enum call { POLL, PPOLL, SELECT, PSELECT, EPOLL_WAIT, EPOLL_PWAIT, EPOLL_PWAIT2, CALLS };

struct wait {
	struct waiting waiting; /* first: where the thread has it from */
	enum call call;
	int epfd, timeout_ms; /* -1: no timeout */
};

static ssize_t wait_in(struct waiting *waiting)
{
	const struct wait *w = (const struct wait *)waiting;
	struct pollfd p = {.fd = waiting->fd, .events = POLLIN};
	struct timespec ts = {w->timeout_ms / 1000, w->timeout_ms % 1000 * 1000000};
	struct timeval tv = {ts.tv_sec, ts.tv_nsec / 1000};
	struct epoll_event event;
	bool ever = w->timeout_ms >= 0;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(waiting->fd, &set);
	switch (w->call) {
	case POLL:
		return poll(&p, 1, w->timeout_ms);
	case PPOLL:
		return ppoll(&p, 1, ever ? &ts : NULL, NULL);
	case SELECT:
		return select(waiting->fd + 1, &set, NULL, NULL, ever ? &tv : NULL);
	case PSELECT:
		return pselect(waiting->fd + 1, &set, NULL, NULL, ever ? &ts : NULL, NULL);
	case EPOLL_WAIT:
		return epoll_wait(w->epfd, &event, 1, w->timeout_ms);
	case EPOLL_PWAIT:
		return epoll_pwait(w->epfd, &event, 1, w->timeout_ms, NULL);
	default:
		return epoll_pwait2(w->epfd, &event, 1, ever ? &ts : NULL, NULL);
	}
}

/* Too early is wrong; too late only by so much that no loaded machine explains it. */
static void note_timeouts(struct trace *t, int fd, int epfd)
{
	static const int timeouts[] = {0, 1, 30};

	for (int i = 0; i < CALLS * (int)COUNT(timeouts); i++) {
		struct wait w = {.waiting.fd = fd,
				 .call = (enum call)(i / (int)COUNT(timeouts)),
				 .epfd = epfd,
				 .timeout_ms = timeouts[i % (int)COUNT(timeouts)]};
		struct timespec start, end;
		int64_t us;

		clock_gettime(CLOCK_MONOTONIC, &start);
		NAMED(t, "wait", wait_in(&w.waiting));
		clock_gettime(CLOCK_MONOTONIC, &end);
		us = (end.tv_sec - start.tv_sec) * 1000000 + (end.tv_nsec - start.tv_nsec) / 1000;
		trace_note(t, "%d of %d: early %d, late %d\n", w.call, w.timeout_ms,
			   us<w.timeout_ms * 1000, us>(w.timeout_ms + LATE_MS) * 1000);
	}
}

static volatile sig_atomic_t caught;

static void catch (int number)
{
	(void)number;
	caught++;
}

/* None of these calls is restarted, whatever the handler says (signal(7)). */
static void note_signals(struct trace *t, int fd, int epfd)
{
	for (int i = 0; i < 4 * CALLS; i++) {
		struct sigaction old,
			action = {.sa_handler = catch, .sa_flags = i & 1 ? SA_RESTART : 0};
		struct wait w = {.call = (enum call)(i / 4),
				 .epfd = epfd,
				 .timeout_ms = i & 2 ? LONG_MS : -1};

		caught = 0;
		sigaction(SIGUSR1, &action, &old);
		waiting_start_in(&w.waiting, fd, wait_in);
		pthread_kill(w.waiting.thread, SIGUSR1);
		waiting_finish(&w.waiting);
		sigaction(SIGUSR1, &old, NULL);
		trace_note(t, "%d: %zd %s, caught %d\n", i, w.waiting.result,
			   strerrorname_np(w.waiting.error), (int)caught);
	}
}

static int set_with(int fd)
{
	int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));

	assert_ok(look_ctl(false, epfd, EPOLL_CTL_ADD, fd, EPOLLIN));
	return epfd;
}

static void open_timeouts(struct link *l, struct trace *t)
{
	int epfd = set_with(l->server);

	note_timeouts(t, l->server, epfd);
	close(epfd);
}

static void open_signals(struct link *l, struct trace *t)
{
	int epfd = set_with(l->server);

	note_signals(t, l->server, epfd);
	close(epfd);
}

/* A connection whose client says nothing, or the first byte of a handshake. */
static void with_silent(const struct link *l, struct trace *t,
			void (*note)(struct trace *t, int fd, int epfd))
{
	int client = net_connect(l->family, l->port), server, epfd;

	if (l->protocol == IPPROTO_TLS)
		assert_int_equal(send(client, "\x16", 1, 0), 1);
	server = (int)assert_ok(accept4(l->listener, NULL, NULL, SOCK_NONBLOCK));
	epfd = set_with(server);
	note(t, server, epfd);
	close(epfd);
	close(server);
	close(client);
}

static void shaking_timeouts(struct link *l, struct trace *t)
{
	with_silent(l, t, note_timeouts);
}

static void shaking_signals(struct link *l, struct trace *t)
{
	with_silent(l, t, note_signals);
}

/* A sanitizer reads what poll is given before the kernel refuses it. */
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define KERNEL_READS_FIRST 1
/* More than there may be: the kernel looks at none of them. */
static void too_many(struct link *l, struct trace *t)
{
	static const nfds_t more[] = {1, 1000000, (nfds_t)INT_MAX + 1};
	struct pollfd p = {.fd = l->server, .events = POLLIN};
	const struct timespec now = {0, 0};
	struct rlimit limit;

	assert_ok(getrlimit(RLIMIT_NOFILE, &limit));
	for (size_t i = 0; i < COUNT(more); i++) {
		CALL(t, poll(&p, limit.rlim_cur + more[i], 0));
		CALL(t, ppoll(&p, limit.rlim_cur + more[i], &now, NULL));
	}
}

#endif

static const struct compare_case cases[] = {
	{"timeouts", open_timeouts},
	{"timeouts in a handshake", shaking_timeouts},
	{"signals", open_signals},
	{"signals in a handshake", shaking_signals},
#ifdef KERNEL_READS_FIRST
	{"more descriptors than there may be", too_many},
#endif
};

int main(void)
{
	return compare_main("waits", cases, COUNT(cases), NULL, 0);
}
