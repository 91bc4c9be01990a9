/* SPDX-License-Identifier: MIT */
/*
 * Counts the calls that wait for readiness or look for it: a library between the
 * program, or libtlssock, and libc.
 */
#include "count-calls.h"
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_uint calls;

unsigned int count_calls(void)
{
	return atomic_exchange(&calls, 0);
}

int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	calls++;
	return (int)syscall(SYS_poll, fds, n, timeout);
}

/* The kernel writes what is left to where it read the timeout. */
int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	struct timespec left = timeout ? *timeout : (struct timespec){0};

	calls++;
	return (int)syscall(SYS_ppoll, fds, n, timeout ? &left : NULL, mask, _NSIG / 8);
}

int select(int n, fd_set *restrict r, fd_set *restrict w, fd_set *restrict x,
	   struct timeval *restrict timeout)
{
	calls++;
	return (int)syscall(SYS_select, n, r, w, x, timeout);
}

int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	calls++;
	return (int)syscall(SYS_epoll_wait, epfd, events, max, timeout);
}

int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout, const sigset_t *mask)
{
	calls++;
	return (int)syscall(SYS_epoll_pwait, epfd, events, max, timeout, mask, _NSIG / 8);
}

int epoll_pwait2(int epfd, struct epoll_event *events, int max, const struct timespec *timeout,
		 const sigset_t *mask)
{
	calls++;
	return (int)syscall(SYS_epoll_pwait2, epfd, events, max, timeout, mask, _NSIG / 8);
}
