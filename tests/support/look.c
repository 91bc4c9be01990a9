/* SPDX-License-Identifier: MIT */
#include "look.h"
#include "test.h"
#include <poll.h>
#include <signal.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#define POLL_MASK  (POLLIN | POLLOUT | POLLPRI | POLLRDHUP)
#define EPOLL_MASK (EPOLLIN | EPOLLOUT | EPOLLPRI | EPOLLRDHUP)

enum { ALONE = 4 };

int look_ctl(bool raw, int epfd, int op, int fd, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	return raw ? (int)syscall(SYS_epoll_ctl, epfd, op, fd, &event)
		   : epoll_ctl(epfd, op, fd, &event);
}

int look_wait(bool raw, int epfd, struct epoll_event *events, int max, int timeout)
{
	return raw ? (int)syscall(SYS_epoll_wait, epfd, events, max, timeout)
		   : epoll_wait(epfd, events, max, timeout);
}

static long poll_now(bool raw, bool mask, struct pollfd *p)
{
	const struct timespec none = {0, 0};
	struct timespec left = none;

	if (raw)
		return mask ? syscall(SYS_ppoll, p, 1, &left, NULL, 0) : syscall(SYS_poll, p, 1, 0);
	return mask ? ppoll(p, 1, &none, NULL) : poll(p, 1, 0);
}

static void note_polls(struct trace *t, bool raw, int fd)
{
	for (int i = 0; i < 2; i++) {
		struct pollfd all = {.fd = fd, .events = POLL_MASK}, none = {.fd = fd};
		long r = poll_now(raw, i, &all);

		trace_note(t, " poll %ld:%x", r, (unsigned int)all.revents);
		r = poll_now(raw, i, &none);
		trace_note(t, " %ld:%x", r, (unsigned int)none.revents);
	}
}

static long select_now(bool raw, bool mask, int n, fd_set *sets)
{
	struct timespec none = {0, 0};
	struct timeval none_too = {0, 0};

	if (raw)
		return mask ? syscall(SYS_pselect6, n, &sets[0], &sets[1], &sets[2], &none, NULL)
			    : syscall(SYS_select, n, &sets[0], &sets[1], &sets[2], &none_too);
	return mask ? pselect(n, &sets[0], &sets[1], &sets[2], &none, NULL)
		    : select(n, &sets[0], &sets[1], &sets[2], &none_too);
}

static void note_selects(struct trace *t, bool raw, int fd)
{
	for (int i = 0; i < 2; i++) {
		fd_set sets[3];
		long r;

		for (int k = 0; k < 3; k++) {
			FD_ZERO(&sets[k]);
			FD_SET(fd, &sets[k]);
		}
		r = select_now(raw, i, fd + 1, sets);
		trace_note(t, " select %ld:%d%d%d", r, FD_ISSET(fd, &sets[0]),
			   FD_ISSET(fd, &sets[1]), FD_ISSET(fd, &sets[2]));
	}
}

static int wait_now(int way, int epfd, struct epoll_event *event)
{
	const struct timespec none = {0, 0};

	switch (way) {
	case 0:
		return look_wait(true, epfd, event, 1, 0);
	case 1:
		return look_wait(false, epfd, event, 1, 0);
	case 2:
		return epoll_pwait(epfd, event, 1, 0, NULL);
	default:
		return epoll_pwait2(epfd, event, 1, &none, NULL);
	}
}

/* Of level-triggered sets for all and for reading alone, filled by the same kind of call. */
static void note_epolls(struct trace *t, bool raw, int fd)
{
	static const uint32_t masks[] = {EPOLL_MASK, EPOLLIN, EPOLLIN | EPOLLET, 0};

	for (size_t i = 0; i < COUNT(masks); i++) {
		int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));

		assert_ok(look_ctl(raw, epfd, EPOLL_CTL_ADD, fd, masks[i]));
		for (int way = raw ? 0 : 1; way < (raw ? 1 : ALONE); way++) {
			struct epoll_event event = {0};
			int n = wait_now(way, epfd, &event);

			/* An edge is told once, whoever asks. */
			if (n && way > 1 && (masks[i] & EPOLLET))
				trace_note(t, " twice");
			else if (way <= 1 || !(masks[i] & EPOLLET))
				trace_note(t, " epoll %d:%x", n, event.events);
		}
		assert_ok(close(epfd));
	}
}

static void look_by(struct trace *t, bool raw, int fd)
{
	trace_note(t, "\t%s:", raw ? "kernel" : "calls");
	note_polls(t, raw, fd);
	note_selects(t, raw, fd);
	note_epolls(t, raw, fd);
	trace_note(t, "\n");
}

void look_raw(struct trace *t, int fd)
{
	look_by(t, true, fd);
}

void look_hooked(struct trace *t, int fd)
{
	look_by(t, false, fd);
}

void look(struct trace *t, int fd)
{
	look_raw(t, fd);
	look_hooked(t, fd);
	look_raw(t, fd);
}

bool look_readable(int fd, bool raw)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll_now(raw, false, &p) == 1 && (p.revents & POLLIN);
}
