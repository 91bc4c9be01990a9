/* SPDX-License-Identifier: MIT */
/* libc's calls that wait for several descriptors; as interpose.c. */
#include "interpose.h"

#include "epolls.h"
#include "libc.h"
#include "readiness.h"
#include "selects.h"
#include "watch.h"

#include <sys/single_threaded.h>
#include <sys/time.h>

static SLOW int poll_ours(struct pollfd *fds, nfds_t n, int timeout)
{
	struct timespec space;

	if (n > READINESS_FEW && !readiness_among_many(fds, n))
		return libc.poll(fds, n, timeout);
	return (int)FINISH(readiness_poll(fds, n, readiness_timeout(timeout, &space), NULL));
}

EXPORT int poll(struct pollfd *fds, nfds_t n, int timeout)
{
	if (!readiness_concerns(fds, n))
		return libc.poll(fds, n, timeout);
	return poll_ours(fds, n, timeout);
}

ALIAS(__poll, poll);

EXPORT int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
	if (size / sizeof(*fds) < n)
		__chk_fail();
	return poll(fds, n, timeout);
}

static SLOW int ppoll_ours(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
			   const sigset_t *mask)
{
	if ((n > READINESS_FEW && !readiness_among_many(fds, n)) || !readiness_valid(timeout))
		return libc.ppoll(fds, n, timeout, mask);
	return (int)FINISH(readiness_poll(fds, n, timeout, mask));
}

EXPORT int ppoll(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask)
{
	if (!readiness_concerns(fds, n))
		return libc.ppoll(fds, n, timeout, mask);
	return ppoll_ours(fds, n, timeout, mask);
}

EXPORT int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout,
		       const sigset_t *mask, size_t size)
{
	if (size / sizeof(*fds) < n)
		__chk_fail();
	return ppoll(fds, n, timeout, mask);
}

static SLOW int select_beside_ours(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout)
{
	const struct selects sets = {n, r, w, x};
	struct timespec left;
	int shown;

	if (!selects_concern(&sets) || (timeout && (timeout->tv_sec < 0 || timeout->tv_usec < 0)))
		return libc.select(n, r, w, x, timeout);
	if (!timeout)
		return (int)FINISH(selects_select(&sets, NULL, NULL));
	TIMEVAL_TO_TIMESPEC(timeout, &left);
	shown = (int)FINISH(selects_select(&sets, &left, NULL));
	TIMESPEC_TO_TIMEVAL(timeout, &left);
	return shown;
}

EXPORT int select(int n, fd_set *restrict r, fd_set *restrict w, fd_set *restrict x,
		  struct timeval *restrict timeout)
{
	return selects_plain(n, r, w, x) ? libc.select(n, r, w, x, timeout)
					 : select_beside_ours(n, r, w, x, timeout);
}

ALIAS(__select, select);

static SLOW int pselect_beside_ours(int n, fd_set *r, fd_set *w, fd_set *x,
				    const struct timespec *timeout, const sigset_t *mask)
{
	const struct selects sets = {n, r, w, x};
	struct timespec left = timeout ? *timeout : (struct timespec){0};

	if (!selects_concern(&sets) || !readiness_valid(timeout))
		return libc.pselect(n, r, w, x, timeout, mask);
	return (int)FINISH(selects_select(&sets, timeout ? &left : NULL, mask));
}

EXPORT int pselect(int n, fd_set *restrict r, fd_set *restrict w, fd_set *restrict x,
		   const struct timespec *restrict timeout, const sigset_t *restrict mask)
{
	return selects_plain(n, r, w, x) ? libc.pselect(n, r, w, x, timeout, mask)
					 : pselect_beside_ours(n, r, w, x, timeout, mask);
}

static int forget_older(int epfd)
{
	if (epfd >= 0)
		watch_forget_set(epfd);
	return fresh(epfd);
}

EXPORT int epoll_create(int size)
{
	return forget_older(libc.epoll_create(size));
}

EXPORT int epoll_create1(int flags)
{
	return forget_older(libc.epoll_create1(flags));
}

static SLOW int epoll_ctl_ours(int epfd, int op, int fd, struct epoll_event *event)
{
	return (int)SERVE(fd, epolls_ctl(e, epfd, op, fd, event),
			  libc.epoll_ctl(epfd, op, fd, event));
}

EXPORT int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
{
	return fdtable_has(fd) ? epoll_ctl_ours(epfd, op, fd, event)
			       : libc.epoll_ctl(epfd, op, fd, event);
}

/* woken: how many events the kernel has given already. */
static SLOW int epoll_ours(int epfd, struct epoll_event *events, int max, int woken, int timeout,
			   const sigset_t *mask)
{
	struct timespec space;

	return (int)FINISH(epolls_go_on(epfd, events, max, woken,
					readiness_timeout(timeout, &space), mask,
					EPOLLS_MILLISECONDS));
}

/*
 * A set that has none of ours when a thread falls asleep may have when it wakes up, if
 * there is another thread. If not, libc's call is the last thing that is done: to come back here
 * after a system call was measured to cost ten times as much as all else here.
 */
static inline bool epoll_may_be_ours_later(void)
{
	return !__libc_single_threaded;
}

static SLOW int epoll_asleep(int epfd, struct epoll_event *events, int max, int timeout,
			     const sigset_t *mask)
{
	int n = libc.epoll_pwait(epfd, events, max, timeout, mask);

	return n > 0 && epolls_any() ? epoll_ours(epfd, events, max, n, timeout, mask) : n;
}

EXPORT int epoll_wait(int epfd, struct epoll_event *events, int max, int timeout)
{
	if (epolls_any())
		return epoll_ours(epfd, events, max, 0, timeout, NULL);
	if (timeout && epoll_may_be_ours_later())
		return epoll_asleep(epfd, events, max, timeout, NULL);
	return libc.epoll_wait(epfd, events, max, timeout);
}

EXPORT int epoll_pwait(int epfd, struct epoll_event *events, int max, int timeout,
		       const sigset_t *mask)
{
	if (epolls_any())
		return epoll_ours(epfd, events, max, 0, timeout, mask);
	if (epoll_may_be_ours_later())
		return epoll_asleep(epfd, events, max, timeout, mask);
	return libc.epoll_pwait(epfd, events, max, timeout, mask);
}

static SLOW int epoll_beside_ours(int epfd, struct epoll_event *events, int max,
				  const struct timespec *timeout, const sigset_t *mask)
{
	int n = 0;

	if (!epolls_any() || !readiness_valid(timeout)) {
		n = libc.epoll_pwait2(epfd, events, max, timeout, mask);
		if (n <= 0 || !epolls_any())
			return n;
	}
	return (int)FINISH(epolls_go_on(epfd, events, max, n, timeout, mask, EPOLLS_NANOSECONDS));
}

EXPORT int epoll_pwait2(int epfd, struct epoll_event *events, int max,
			const struct timespec *timeout, const sigset_t *mask)
{
	if (epolls_any() || epoll_may_be_ours_later())
		return epoll_beside_ours(epfd, events, max, timeout, mask);
	return libc.epoll_pwait2(epfd, events, max, timeout, mask);
}
