/* SPDX-License-Identifier: MIT */
/* Calls that wait for readiness, for fuzz.h. */
#include "fuzz.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

static const struct timespec no_time = {0, 0};

void fuzz_poll(struct fuzz *f, int i)
{
	static const short masks[] = {POLLIN, POLLOUT, POLLIN | POLLOUT, POLLIN | POLLRDHUP, 0};
	struct pollfd raw[2], fds[2];

	for (int k = 0; k < 2; k++) {
		short mask = masks[rng_range(&f->rng, 0, COUNT(masks) - 1)];

		fds[k] = raw[k] = (struct pollfd){.fd = f->ends[k].fd, .events = mask};
	}
	(void)i;
	/* The kernel's own answer is the same, but for an error that was taken from it. */
	trace_note(f->trace, "kernel's poll %ld:", syscall(SYS_poll, raw, 2, 0));
	trace_note(f->trace, " %x %x\n", raw[0].revents & ~POLLERR, raw[1].revents & ~POLLERR);
	if (rng_once_in(&f->rng, 2))
		NAMED(f->trace, "ppoll", ppoll(fds, 2, &no_time, NULL));
	else
		NAMED(f->trace, "poll", poll(fds, 2, 0));
	trace_note(f->trace, "\t%x %x\n", fds[0].revents, fds[1].revents);
}

void fuzz_select(struct fuzz *f, int i)
{
	struct timeval none = {0, 0};
	int fd = f->ends[i].fd;
	fd_set r, w;

	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(fd, &r);
	FD_SET(fd, &w);
	if (rng_once_in(&f->rng, 2))
		NAMED(f->trace, "pselect", pselect(fd + 1, &r, &w, NULL, &no_time, NULL));
	else
		NAMED(f->trace, "select", select(fd + 1, &r, &w, NULL, &none));
	trace_note(f->trace, "\t%d %d\n", FD_ISSET(fd, &r) != 0, FD_ISSET(fd, &w) != 0);
}

void fuzz_epoll_ctl(struct fuzz *f, int i)
{
	static const uint32_t masks[] = {EPOLLIN, EPOLLIN | EPOLLOUT, EPOLLIN | EPOLLRDHUP,
					 EPOLLOUT};
	static const uint32_t kinds[] = {0, 0, EPOLLET, EPOLLONESHOT};
	static const int ops[] = {EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL};
	struct epoll_event event = {.data.u32 = (uint32_t)i};
	int op = ops[rng_range(&f->rng, 0, COUNT(ops) - 1)];

	event.events = masks[rng_range(&f->rng, 0, COUNT(masks) - 1)] |
		       kinds[rng_range(&f->rng, 0, COUNT(kinds) - 1)];
	NAMED(f->trace, "epoll_ctl", epoll_ctl(f->epfd, op, f->ends[i].fd, &event));
	trace_note(f->trace, "\top %d end %d events %x\n", op, i, event.events);
}

void fuzz_epoll_wait(struct fuzz *f, int i)
{
	struct epoll_event events[2];
	uint32_t seen[2] = {0};
	size_t kind = rng_range(&f->rng, 0, 2);
	long n;

	(void)i;
	if (kind == 0)
		n = NAMED(f->trace, "epoll_wait", epoll_wait(f->epfd, events, 2, 0));
	else if (kind == 1)
		n = NAMED(f->trace, "epoll_pwait", epoll_pwait(f->epfd, events, 2, 0, NULL));
	else
		n = NAMED(f->trace, "epoll_pwait2",
			  epoll_pwait2(f->epfd, events, 2, &no_time, NULL));
	for (long k = 0; k < n; k++)
		seen[events[k].data.u32] = events[k].events;
	trace_note(f->trace, "\t%x %x\n", seen[0], seen[1]);
}
