/* SPDX-License-Identifier: MIT */
/*
 * epoll sets with TLS sockets in them. Events of unfinished handshakes drive these
 * and are not shown; nor are those of records without application data.
 */
#ifndef EPOLLS_H
#define EPOLLS_H

#include "fdtable.h"

#include <signal.h>
#include <sys/epoll.h>
#include <time.h>

/* epoll_ctl(2) on one of our numbers; drops the reference. Returns 0 or a negative errno. */
int epolls_ctl(struct entry *e, int epfd, int op, int fd, const struct epoll_event *event);

/* True if some set may have one of ours; if not, the kernel's own wait does. */
bool epolls_any(void);

/* What the caller's own call takes. */
enum epolls_clock { EPOLLS_MILLISECONDS, EPOLLS_NANOSECONDS };

/*
 * epoll_pwait2(2), with epoll_pwait(2) underneath if the clock is milliseconds: older
 * kernels have that alone. Returns its result, or a negative errno.
 */
int epolls_wait(int epfd, struct epoll_event *events, int max, const struct timespec *timeout,
		const sigset_t *mask, enum epolls_clock clock);

/*
 * The same after the kernel's wait, which gave the first events; 0: none yet. What is to be
 * shown of them, or it waits again.
 */
int epolls_go_on(int epfd, struct epoll_event *events, int max, int woken,
		 const struct timespec *timeout, const sigset_t *mask, enum epolls_clock clock);

#endif /* EPOLLS_H */
