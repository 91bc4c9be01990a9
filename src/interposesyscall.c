/* SPDX-License-Identifier: MIT */
/*
 * syscall(2), by which programs reach calls past their names in libc. Those that would
 * move a TLS socket's bytes, or the number itself, come down to the hook of the name.
 * Waiting for readiness is left to the kernel, whose readiness is true; epoll_ctl too: who
 * fills a set past us waits for it past us, and would be shown the events that drive a
 * handshake.
 */
#include "interpose.h"

#include "handlers.h"
#include "libc.h"
#include "sockets.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/aio_abi.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/sendfile.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* Which arguments are descriptors, or one of these. */
enum {
	FIRST = 1,
	SECOND = 2,
	THIRD = 4,
	ALWAYS = 8,   /* the hook is called in any case */
	ANY = 16,     /* and this only if the table was ever used */
	CREATES = 32, /* no hook: the result is a new descriptor */
};

struct row {
	long (*hook)(const long *arg);
	int fds;
};

#define FD(i)  ((int)arg[i])
#define N(i)   ((size_t)arg[i])
#define P(i)   ((void *)arg[i])
#define SA(i)  ((struct sockaddr *)arg[i])
#define LEN(i) ((socklen_t *)arg[i])

/* The kernel's counts of vectors are longs. */
static int vectors(long n)
{
	return n < 0 || n > IOV_MAX ? IOV_MAX + 1 : (int)n;
}

/* What is submitted to a ring would meet the bare connection. Programs do without one. */
static long io_uring_setup(const long *arg)
{
	if (fdtable_in_use())
		return refuse(ENOSYS);
	return fresh((int)libc.syscall(SYS_io_uring_setup, arg[0], arg[1], 0L, 0L, 0L, 0L));
}

/*
 * The kernel's own asynchronous I/O would do the same. It takes what stands before an
 * iocb that it refuses; who waits for readiness by one is told the truth.
 */
static long io_submit(const long *arg)
{
	struct iocb *const *list = P(2);
	long n = 0;

	while (n < arg[1] &&
	       (list[n]->aio_lio_opcode == IOCB_CMD_POLL || !fdtable_has((int)list[n]->aio_fildes)))
		n++;
	if (n == 0 && arg[1] > 0)
		return refuse(EINVAL);
	return libc.syscall(SYS_io_submit, arg[0], n < arg[1] ? n : arg[1], arg[2], 0L, 0L, 0L);
}

/*
 * The handler is put behind ours when the kernel has it: what an argument points to is for the
 * kernel to look at. Its structure begins with handler and flags.
 */
static long rt_sigaction(const long *arg)
{
	struct {
		sighandler_t handler;
		unsigned long flags;
	} *old = P(2);
	long r = libc.syscall(SYS_rt_sigaction, arg[0], arg[1], arg[2], arg[3], 0L, 0L);

	if (r == 0 && old)
		handlers_reveal((int)arg[0], &old->handler, &old->flags);
	if (r == 0 && arg[1])
		handlers_adopt((int)arg[0]);
	return r;
}

static long exit_group(const long *arg)
{
	_exit((int)arg[0]);
}

/* X(number, which, what the hook of the name returns) */
#define BY_NAME(X)                                                                                 \
	X(socket, ALWAYS, socket((int)arg[0], (int)arg[1], (int)arg[2]))                           \
	X(bind, FIRST, bind(FD(0), SA(1), (socklen_t)arg[2]))                                      \
	X(connect, FIRST, connect(FD(0), SA(1), (socklen_t)arg[2]))                                \
	X(listen, FIRST, listen(FD(0), (int)arg[1]))                                               \
	X(accept, ANY, accept(FD(0), SA(1), LEN(2)))                                               \
	X(accept4, ANY, accept4(FD(0), SA(1), LEN(2), (int)arg[3]))                                \
	X(shutdown, FIRST, shutdown(FD(0), (int)arg[1]))                                           \
	X(getsockopt, FIRST, getsockopt(FD(0), (int)arg[1], (int)arg[2], P(3), LEN(4)))            \
	X(setsockopt, FIRST, setsockopt(FD(0), (int)arg[1], (int)arg[2], P(3), (socklen_t)arg[4])) \
	X(read, FIRST, read(FD(0), P(1), N(2)))                                                    \
	X(write, FIRST, write(FD(0), P(1), N(2)))                                                  \
	X(readv, FIRST, readv(FD(0), P(1), vectors(arg[2])))                                       \
	X(writev, FIRST, writev(FD(0), P(1), vectors(arg[2])))                                     \
	X(preadv2, FIRST, preadv2(FD(0), P(1), vectors(arg[2]), arg[3], (int)arg[5]))              \
	X(pwritev2, FIRST, pwritev2(FD(0), P(1), vectors(arg[2]), arg[3], (int)arg[5]))            \
	X(sendto, FIRST, sendto(FD(0), P(1), N(2), (int)arg[3], SA(4), (socklen_t)arg[5]))         \
	X(recvfrom, FIRST, recvfrom(FD(0), P(1), N(2), (int)arg[3], SA(4), LEN(5)))                \
	X(sendmsg, ANY, sendmsg(FD(0), P(1), (int)arg[2]))                                         \
	X(recvmsg, ANY, recvmsg(FD(0), P(1), (int)arg[2]))                                         \
	X(sendmmsg, ANY, sendmmsg(FD(0), P(1), (unsigned int)arg[2], (int)arg[3]))                 \
	X(recvmmsg, ANY, recvmmsg(FD(0), P(1), (unsigned int)arg[2], (int)arg[3], P(4)))           \
	X(sendfile, FIRST | SECOND, sendfile(FD(0), FD(1), P(2), N(3)))                            \
	X(splice, FIRST | THIRD, splice(FD(0), P(1), FD(2), P(3), N(4), (unsigned int)arg[5]))     \
	X(tee, FIRST | SECOND, tee(FD(0), FD(1), N(2), (unsigned int)arg[3]))                      \
	X(vmsplice, FIRST, vmsplice(FD(0), P(1), N(2), (unsigned int)arg[3]))                      \
	X(ioctl, FIRST, ioctl(FD(0), (unsigned long)arg[1], arg[2]))                               \
	X(fcntl, ANY, fcntl(FD(0), (int)arg[1], arg[2]))                                           \
	X(pidfd_getfd, ALWAYS | ANY, pidfd_getfd(FD(0), FD(1), (unsigned int)arg[2]))              \
	X(dup, ANY, dup(FD(0)))                                                                    \
	X(dup3, FIRST | SECOND, dup3(FD(0), FD(1), (int)arg[2]))                                   \
	X(close, FIRST, close(FD(0)))                                                              \
	X(close_range, ALWAYS,                                                                     \
	  close_range((unsigned int)arg[0], (unsigned int)arg[1], (int)arg[2]))                    \
	X(unshare, ALWAYS, unshare((int)arg[0]))                                                   \
	X(pipe2, ANY, pipe2(P(0), (int)arg[1]))                                                    \
	X(socketpair, ANY, socketpair((int)arg[0], (int)arg[1], (int)arg[2], P(3)))                \
	X(epoll_create1, ANY, epoll_create1((int)arg[0]))                                          \
	X(execve, ANY, execve(P(0), P(1), P(2)))                                                   \
	X(execveat, ANY, execveat(FD(0), P(1), P(2), P(3), (int)arg[4]))                           \
	X(rt_sigaction, ALWAYS, rt_sigaction(arg))                                                 \
	X(exit_group, ANY, exit_group(arg))                                                        \
	X(io_uring_setup, ANY, io_uring_setup(arg))                                                \
	X(io_submit, ANY, io_submit(arg))

/* Calls that newer architectures do not have. */
#ifdef SYS_dup2
#define OLD_CALLS(X)                                                                               \
	X(dup2, FIRST | SECOND, dup2(FD(0), FD(1)))                                                \
	X(pipe, ANY, pipe(P(0)))                                                                   \
	X(epoll_create, ANY, epoll_create((int)arg[0]))
#define OLD_CREATORS                                                                               \
	[SYS_open] = {NULL, CREATES}, [SYS_creat] = {NULL, CREATES},                               \
	[SYS_eventfd] = {NULL, CREATES}, [SYS_signalfd] = {NULL, CREATES},                         \
	[SYS_inotify_init] = {NULL, CREATES},
#else
#define OLD_CALLS(X)
#define OLD_CREATORS
#endif

#define FUNCTION(name, fds, call)                                                                  \
	static long by_##name(const long *arg)                                                     \
	{                                                                                          \
		return call;                                                                       \
	}

BY_NAME(FUNCTION)
OLD_CALLS(FUNCTION)

#define ROW(name, fds, call) [SYS_##name] = {by_##name, fds},

static const struct row rows[] = {
	BY_NAME(ROW) OLD_CALLS(ROW) OLD_CREATORS[SYS_openat] = {NULL, CREATES},
	[SYS_openat2] = {NULL, CREATES},
	[SYS_open_by_handle_at] = {NULL, CREATES},
	[SYS_open_tree] = {NULL, CREATES},
	[SYS_fsopen] = {NULL, CREATES},
	[SYS_fsmount] = {NULL, CREATES},
	[SYS_mq_open] = {NULL, CREATES},
	[SYS_memfd_create] = {NULL, CREATES},
	[SYS_eventfd2] = {NULL, CREATES},
	[SYS_signalfd4] = {NULL, CREATES},
	[SYS_timerfd_create] = {NULL, CREATES},
	[SYS_inotify_init1] = {NULL, CREATES},
	[SYS_fanotify_init] = {NULL, CREATES},
	[SYS_pidfd_open] = {NULL, CREATES},
	[SYS_userfaultfd] = {NULL, CREATES},
	[SYS_perf_event_open] = {NULL, CREATES},
	[SYS_bpf] = {NULL, CREATES},
};

static bool concerns(const struct row *row, const long *arg)
{
	if ((row->fds & ALWAYS) || ((row->fds & ANY) && fdtable_any()))
		return true;
	return ((row->fds & FIRST) && fdtable_has(FD(0))) ||
	       ((row->fds & SECOND) && fdtable_has(FD(1))) ||
	       ((row->fds & THIRD) && fdtable_has(FD(2)));
}

/* As syscall(2) is no cancellation point, the hook is none either. */
static SLOW long call(const struct row *row, const long *arg)
{
	int state;
	long r;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &state);
	r = row->hook(arg);
	pthread_setcancelstate(state, NULL);
	return r;
}

EXPORT long syscall(long number, ...)
{
	const struct row *row = NULL;
	long arg[6], r;
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if ((unsigned long)number < sizeof(rows) / sizeof(rows[0]))
		row = &rows[number];
	if (row && concerns(row, arg))
		return call(row, arg);
	r = libc.syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
	return row && (row->fds & CREATES) ? fresh((int)r) : r;
}
