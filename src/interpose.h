/* SPDX-License-Identifier: MIT */
/*
 * What the files that define libc's names share. A descriptor that is not ours pays
 * one load and is passed on. These files are built without _FILE_OFFSET_BITS and
 * _FORTIFY_SOURCE, which would rename what they define; entrypoints.list has the names.
 */
#ifndef INTERPOSE_H
#define INTERPOSE_H

#include "fdtable.h"
#include "signals.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <wchar.h>

/* See interposenumbers.c. */
int interpose_fresh(int fd);

/*
 * After a call that failed: true if it did since the number was closed past us, and is
 * another file's or nobody's. It is forgotten then.
 */
bool interpose_theirs(int fd, ssize_t result);

/* The same for the two of a pair, and for those of a message that was received. */
int interpose_fresh_pair(int r, const int ends[2]);
void interpose_fresh_rights(const struct msghdr *msg);

#define EXPORT __attribute__((visibility("default")))

/* Another name of the same function; old programs and other libraries call such. */
#if __has_attribute(copy)
#define ALIAS(name, of) EXPORT extern __typeof__(of) name __attribute__((alias(#of), copy(of)))
#else
#define ALIAS(name, of) EXPORT extern __typeof__(of) name __attribute__((alias(#of)))
#endif

/*
 * The border: errno is set on failure, and is what it was on success. Inside signals wait,
 * but where the call does.
 */
static inline ssize_t finish(ssize_t r, int saved)
{
	errno = r < 0 ? (int)-r : saved;
	return r < 0 ? -1 : r;
}

#define FINISH(call) FINISH_OPEN(SIGNALS_HELD(call))

/*
 * A call on a number that is one of ours, of which call(s) get a reference as e, or else
 * plain. The reference is not to be lost by a handler that jumps away: signals are held
 * before. plain, too, if the number turns out to be another file's, of which call knew
 * nothing.
 */
#define SERVE(fd, call, plain)                                                                     \
	({                                                                                         \
		int saved = errno;                                                                 \
		ssize_t result = -EBADF;                                                           \
		struct entry *e;                                                                   \
		bool theirs;                                                                       \
		signals_hold();                                                                    \
		e = fdtable_get(fd);                                                               \
		if (e)                                                                             \
			result = (call);                                                           \
		theirs = !e || interpose_theirs(fd, result);                                       \
		signals_let();                                                                     \
		errno = saved;                                                                     \
		theirs ? (plain) : finish(result, saved);                                          \
	})

/* The same for a number that may be one of ours: else it pays a load and no more. */
#define SERVE_IF_OURS(fd, call, plain) (fdtable_has(fd) ? SERVE(fd, call, plain) : (plain))

/*
 * The same as FINISH for a call that holds signals itself where it must: what makes a process, or
 * gives this one another program, hands on the mask.
 */
#define FINISH_OPEN(call)                                                                          \
	({                                                                                         \
		int saved = errno;                                                                 \
		ssize_t result = (call);                                                           \
		finish(result, saved);                                                             \
	})

/* For one that waits where libc's is no cancellation point. */
#define FINISH_UNCANCELLED(call)                                                                   \
	({                                                                                         \
		int cancel_state;                                                                  \
		ssize_t uncancelled;                                                               \
		pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state);                     \
		uncancelled = FINISH(call);                                                        \
		pthread_setcancelstate(cancel_state, NULL);                                        \
		uncancelled;                                                                       \
	})

/*
 * A number that the kernel has just given for a new file. If it is one of ours, that was
 * closed past us: it is forgotten. Returns it, with errno as it was.
 */
static inline int fresh(int fd)
{
	return fdtable_has(fd) ? interpose_fresh(fd) : fd;
}

/*
 * Apart from the hook itself, which then needs no stack frame: a plain descriptor
 * pays a load, a compare and a jump.
 */
#define SLOW __attribute__((noinline))

/* For a call that TLS sockets do not have. */
static inline int refuse(int error)
{
	errno = error;
	return -1;
}

/* glibc's answer to an overflow that _FORTIFY_SOURCE has found. */
extern void __chk_fail(void) __attribute__((noreturn));

/* What fortified programs call; no header declares them. */
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *__restrict buf, size_t n, size_t size, int flags,
		       __SOCKADDR_ARG sa, socklen_t *__restrict len);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
		size_t size);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);
int __dprintf_chk(int fd, int flag, const char *format, ...);
int __vdprintf_chk(int fd, int flag, const char *format, __builtin_va_list ap);
int __vasprintf_chk(char **text, int flag, const char *format, __builtin_va_list ap);
void __syslog_chk(int priority, int flag, const char *format, ...);
void __vsyslog_chk(int priority, int flag, const char *format, __builtin_va_list ap);
wchar_t *__fgetws_chk(wchar_t *text, size_t size, int n, FILE *f);
wchar_t *__fgetws_unlocked_chk(wchar_t *text, size_t size, int n, FILE *f);
int __fwprintf_chk(FILE *f, int flag, const wchar_t *format, ...);
int __vfwprintf_chk(FILE *f, int flag, const wchar_t *format, __builtin_va_list ap);
int __wprintf_chk(int flag, const wchar_t *format, ...);
int __vwprintf_chk(int flag, const wchar_t *format, __builtin_va_list ap);

#endif /* INTERPOSE_H */
