/* SPDX-License-Identifier: MIT */
/* libc's calls that wait for several descriptors; as interpose.c. */
#include "interpose.h"

#include "epolls.h"
#include "libc.h"
#include "readiness.h"
#include "selects.h"
#include "watch.h"

#include <sys/time.h>

EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	struct timespec space;

	if (!fdtable_any() || !readiness_concerns(fds, n))
		return libc.poll(fds, n, timeout);
	return (int)FINISH(readiness_poll(fds, n, readiness_timeout(timeout, &space), NULL));
}

ALIAS(__poll, poll);

EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
	if (size / sizeof(*fds) < n)
		__chk_fail();
	return poll(fds, n, timeout);
}

EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	if (!fdtable_any() || !readiness_concerns(fds, n) || !readiness_valid(timeout))
		return libc.ppoll(fds, n, timeout, mask);
	return (int)FINISH(readiness_poll(fds, n, timeout, mask));
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		       const sigset_t *mask, size_t size)
{
	if (size / sizeof(*fds) < n)
		__chk_fail();
	return ppoll(fds, n, timeout, mask);
}

EXPORT int select(int n, fd_set *restrict r, fd_set *restrict w, fd_set *restrict x,
		  struct timeval *restrict timeout)
{
	const struct selects sets = {n, r, w, x};
	struct timespec left;
	int shown;

	if (!fdtable_any() || !selects_concern(&sets) ||
	    (timeout && (timeout->tv_sec < 0 || timeout->tv_usec < 0)))
		return libc.select(n, r, w, x, timeout);
	if (!timeout)
		return (int)FINISH(selects_select(&sets, NULL, NULL));
	TIMEVAL_TO_TIMESPEC(timeout, &left);
	shown = (int)FINISH(selects_select(&sets, &left, NULL));
	TIMESPEC_TO_TIMEVAL(timeout, &left);
	return shown;
}

ALIAS(__select, select);

EXPORT int pselect(int n, fd_set *restrict r, fd_set *restrict w, fd_set *restrict x,
		   const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
	const struct selects sets = {n, r, w, x};
	struct timespec left = timeout ? *timeout : (struct timespec){0};

	if (!fdtable_any() || !selects_concern(&sets) || !readiness_valid(timeout))
		return libc.pselect(n, r, w, x, timeout, mask);
	return (int)FINISH(selects_select(&sets, timeout ? &left : NULL, mask));
}

static int forget_older(int epfd)
{
	if (epfd >= 0)
		watch_forget_set(epfd);
	return epfd;
}

EXPORT int epoll_create(int size)
{
	return forget_older(libc.epoll_create(size));
}

EXPORT int epoll_create1(int flags)
{
	return forget_older(libc.epoll_create1(flags));
}

EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	struct entry *e = ours(fd);

	return e ? (int)FINISH(epolls_ctl(e, epfd, op, fd, event))
		 : libc.epoll_ctl(epfd, op, fd, event);
}

/*
 * In any program: a set that has none of ours when a thread falls asleep may have when
 * it wakes up.
 */
EXPORT int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	struct timespec space;

	return (int)FINISH(epolls_wait(epfd, events, max, readiness_timeout(timeout, &space), NULL,
				       EPOLLS_MILLISECONDS));
}

EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout,
		       const sigset_t *mask)
{
	struct timespec space;

	return (int)FINISH(epolls_wait(epfd, events, max, readiness_timeout(timeout, &space), mask,
				       EPOLLS_MILLISECONDS));
}

EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int max,
			const struct timespec *timeout, const sigset_t *mask)
{
	if (!readiness_valid(timeout))
		return libc.epoll_pwait2(epfd, events, max, timeout, mask);
	return (int)FINISH(epolls_wait(epfd, events, max, timeout, mask, EPOLLS_NANOSECONDS));
}
