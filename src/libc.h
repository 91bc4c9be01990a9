/* SPDX-License-Identifier: MIT */
/*
 * The real calls of libc, bound once. All other files use these and never the
 * plain names, which would come back to our own hooks.
 */
#ifndef LIBC_H
#define LIBC_H

#include <aio.h>
#include <dirent.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utmp.h>
#include <wchar.h>

/* The calls whose result is a new descriptor, and which concern no other; as below. */
#define LIBC_CREATORS(X)                                                                           \
	X(int, creat, (const char *path, mode_t mode), (path, mode))                               \
	X(int, creat64, (const char *path, mode_t mode), (path, mode))                             \
	X(int, __open_2, (const char *path, int flags), (path, flags))                             \
	X(int, __open64_2, (const char *path, int flags), (path, flags))                           \
	X(int, __openat_2, (int dir, const char *path, int flags), (dir, path, flags))             \
	X(int, __openat64_2, (int dir, const char *path, int flags), (dir, path, flags))           \
	X(int, open_by_handle_at, (int mount, struct file_handle *handle, int flags),              \
	  (mount, handle, flags))                                                                  \
	X(int, mkstemp, (char *path), (path))                                                      \
	X(int, mkstemp64, (char *path), (path))                                                    \
	X(int, mkostemp, (char *path, int flags), (path, flags))                                   \
	X(int, mkostemp64, (char *path, int flags), (path, flags))                                 \
	X(int, mkstemps, (char *path, int suffix), (path, suffix))                                 \
	X(int, mkstemps64, (char *path, int suffix), (path, suffix))                               \
	X(int, mkostemps, (char *path, int suffix, int flags), (path, suffix, flags))              \
	X(int, mkostemps64, (char *path, int suffix, int flags), (path, suffix, flags))            \
	X(int, shm_open, (const char *name, int flags, mode_t mode), (name, flags, mode))          \
	X(int, memfd_create, (const char *name, unsigned int flags), (name, flags))                \
	X(int, posix_openpt, (int flags), (flags))                                                 \
	X(int, getpt, (void), ())                                                                  \
	X(int, eventfd, (unsigned int count, int flags), (count, flags))                           \
	X(int, timerfd_create, (clockid_t clock, int flags), (clock, flags))                       \
	X(int, signalfd, (int fd, const sigset_t *mask, int flags), (fd, mask, flags))             \
	X(int, inotify_init, (void), ())                                                           \
	X(int, inotify_init1, (int flags), (flags))                                                \
	X(int, fanotify_init, (unsigned int flags, unsigned int events), (flags, events))          \
	X(int, pidfd_open, (pid_t pid, unsigned int flags), (pid, flags))

/* The same with one optional argument; as LIBC_VARIADIC. */
#define LIBC_OPENERS(X)                                                                            \
	X(int, open, (const char *path, int flags, ...), flags, (path, flags, arg))                \
	X(int, open64, (const char *path, int flags, ...), flags, (path, flags, arg))              \
	X(int, openat, (int dir, const char *path, int flags, ...), flags,                         \
	  (dir, path, flags, arg))                                                                 \
	X(int, openat64, (int dir, const char *path, int flags, ...), flags,                       \
	  (dir, path, flags, arg))

/* Those for wide characters; as below. */
#define LIBC_WIDE(X)                                                                               \
	X(wint_t, fgetwc, (FILE * f), (f))                                                         \
	X(wint_t, fgetwc_unlocked, (FILE * f), (f))                                                \
	X(wint_t, fputwc, (wchar_t c, FILE * f), (c, f))                                           \
	X(wint_t, fputwc_unlocked, (wchar_t c, FILE * f), (c, f))                                  \
	X(wint_t, ungetwc, (wint_t c, FILE * f), (c, f))                                           \
	X(wchar_t *, fgetws, (wchar_t * text, int n, FILE *f), (text, n, f))                       \
	X(wchar_t *, fgetws_unlocked, (wchar_t * text, int n, FILE *f), (text, n, f))              \
	X(wchar_t *, __fgetws_chk, (wchar_t * text, size_t size, int n, FILE *f),                  \
	  (text, size, n, f))                                                                      \
	X(wchar_t *, __fgetws_unlocked_chk, (wchar_t * text, size_t size, int n, FILE *f),         \
	  (text, size, n, f))                                                                      \
	X(int, fputws, (const wchar_t *text, FILE *f), (text, f))                                  \
	X(int, fputws_unlocked, (const wchar_t *text, FILE *f), (text, f))                         \
	X(int, fwide, (FILE * f, int mode), (f, mode))                                             \
	X(int, vfwprintf, (FILE * f, const wchar_t *format, va_list ap), (f, format, ap))          \
	X(int, __vfwprintf_chk, (FILE * f, int flag, const wchar_t *format, va_list ap),           \
	  (f, flag, format, ap))                                                                   \
	X(int, vfwscanf, (FILE * f, const wchar_t *format, va_list ap), (f, format, ap))           \
	X(int, __isoc99_vfwscanf, (FILE * f, const wchar_t *format, va_list ap), (f, format, ap))  \
	X(int, __isoc23_vfwscanf, (FILE * f, const wchar_t *format, va_list ap), (f, format, ap))

/* X(type, name, (parameters), (arguments)): the calls of fixed arity. */
#define LIBC_CALLS(X)                                                                              \
	LIBC_CREATORS(X)                                                                           \
	X(int, pidfd_getfd, (int pidfd, int fd, unsigned int flags), (pidfd, fd, flags))           \
	X(int, login_tty, (int fd), (fd))                                                          \
	X(int, openpty,                                                                            \
	  (int *master, int *slave, char *name, const struct termios *t, const struct winsize *w), \
	  (master, slave, name, t, w))                                                             \
	X(int, forkpty,                                                                            \
	  (int *master, char *name, const struct termios *t, const struct winsize *w),             \
	  (master, name, t, w))                                                                    \
	X(struct hostent *, gethostbyname, (const char *name), (name))                             \
	X(struct hostent *, gethostbyname2, (const char *name, int family), (name, family))        \
	X(int, gethostbyname_r,                                                                    \
	  (const char *name, struct hostent *host, char *buf, size_t n, struct hostent **res,      \
	   int *error),                                                                            \
	  (name, host, buf, n, res, error))                                                        \
	X(int, gethostbyname2_r,                                                                   \
	  (const char *name, int family, struct hostent *host, char *buf, size_t n,                \
	   struct hostent **res, int *error),                                                      \
	  (name, family, host, buf, n, res, error))                                                \
	X(int, getaddrinfo_a, (int mode, struct gaicb **list, int n, struct sigevent *sig),        \
	  (mode, list, n, sig))                                                                    \
	X(int, gai_error, (struct gaicb * request), (request))                                     \
	X(FILE *, fopen, (const char *path, const char *mode), (path, mode))                       \
	X(FILE *, fopen64, (const char *path, const char *mode), (path, mode))                     \
	X(FILE *, tmpfile, (void), ())                                                             \
	X(FILE *, tmpfile64, (void), ())                                                           \
	X(DIR *, opendir, (const char *path), (path))                                              \
	X(int, mq_open, (const char *name, int flags, mode_t mode, void *attr),                    \
	  (name, flags, mode, attr))                                                               \
	X(int, pipe, (int *ends), (ends))                                                          \
	X(int, pipe2, (int *ends, int flags), (ends, flags))                                       \
	X(int, socket, (int family, int type, int protocol), (family, type, protocol))             \
	X(int, socketpair, (int family, int type, int protocol, int *ends),                        \
	  (family, type, protocol, ends))                                                          \
	X(int, bind, (int fd, const struct sockaddr *sa, socklen_t len), (fd, sa, len))            \
	X(int, connect, (int fd, const struct sockaddr *sa, socklen_t len), (fd, sa, len))         \
	X(int, listen, (int fd, int backlog), (fd, backlog))                                       \
	X(int, accept, (int fd, struct sockaddr *sa, socklen_t *len), (fd, sa, len))               \
	X(int, accept4, (int fd, struct sockaddr *sa, socklen_t *len, int flags),                  \
	  (fd, sa, len, flags))                                                                    \
	X(int, shutdown, (int fd, int how), (fd, how))                                             \
	X(long, syscall, (long n, long a, long b, long c, long d, long e, long f),                 \
	  (n, a, b, c, d, e, f))                                                                   \
	X(int, chroot, (const char *path), (path))                                                 \
	X(int, unshare, (int flags), (flags))                                                      \
	X(int, setns, (int fd, int type), (fd, type))                                              \
	X(int, close, (int fd), (fd))                                                              \
	X(int, close_range, (unsigned int first, unsigned int last, int flags),                    \
	  (first, last, flags))                                                                    \
	X(int, clone,                                                                              \
	  (int (*run)(void *arg), void *stack, int flags, void *arg, void *parent, void *tls,      \
	   void *child),                                                                           \
	  (run, stack, flags, arg, parent, tls, child))                                            \
	X(int, getsockopt, (int fd, int level, int name, void *v, socklen_t *len),                 \
	  (fd, level, name, v, len))                                                               \
	X(int, setsockopt, (int fd, int level, int name, const void *v, socklen_t len),            \
	  (fd, level, name, v, len))                                                               \
	X(int, getsockname, (int fd, struct sockaddr *sa, socklen_t *len), (fd, sa, len))          \
	X(int, getpeername, (int fd, struct sockaddr *sa, socklen_t *len), (fd, sa, len))          \
	X(ssize_t, recv, (int fd, void *buf, size_t n, int flags), (fd, buf, n, flags))            \
	X(ssize_t, recvfrom,                                                                       \
	  (int fd, void *buf, size_t n, int flags, struct sockaddr *sa, socklen_t *len),           \
	  (fd, buf, n, flags, sa, len))                                                            \
	X(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags), (fd, msg, flags))             \
	X(ssize_t, send, (int fd, const void *buf, size_t n, int flags), (fd, buf, n, flags))      \
	X(ssize_t, sendto,                                                                         \
	  (int fd, const void *buf, size_t n, int flags, const struct sockaddr *sa,                \
	   socklen_t len),                                                                         \
	  (fd, buf, n, flags, sa, len))                                                            \
	X(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags), (fd, msg, flags))       \
	X(ssize_t, read, (int fd, void *buf, size_t n), (fd, buf, n))                              \
	X(ssize_t, write, (int fd, const void *buf, size_t n), (fd, buf, n))                       \
	X(ssize_t, readv, (int fd, const struct iovec *iov, int n), (fd, iov, n))                  \
	X(ssize_t, writev, (int fd, const struct iovec *iov, int n), (fd, iov, n))                 \
	X(int, poll, (struct pollfd * fds, nfds_t n, int timeout), (fds, n, timeout))              \
	X(int, ppoll,                                                                              \
	  (struct pollfd * fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask),   \
	  (fds, n, timeout, mask))                                                                 \
	X(int, select, (int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout),          \
	  (n, r, w, x, timeout))                                                                   \
	X(int, pselect,                                                                            \
	  (int n, fd_set *r, fd_set *w, fd_set *x, const struct timespec *timeout,                 \
	   const sigset_t *mask),                                                                  \
	  (n, r, w, x, timeout, mask))                                                             \
	X(int, epoll_create, (int size), (size))                                                   \
	X(int, epoll_create1, (int flags), (flags))                                                \
	X(int, epoll_ctl, (int epfd, int op, int fd, struct epoll_event *event),                   \
	  (epfd, op, fd, event))                                                                   \
	X(int, epoll_wait, (int epfd, struct epoll_event *events, int max, int timeout),           \
	  (epfd, events, max, timeout))                                                            \
	X(int, epoll_pwait,                                                                        \
	  (int epfd, struct epoll_event *events, int max, int timeout, const sigset_t *mask),      \
	  (epfd, events, max, timeout, mask))                                                      \
	X(int, epoll_pwait2,                                                                       \
	  (int epfd, struct epoll_event *events, int max, const struct timespec *timeout,          \
	   const sigset_t *mask),                                                                  \
	  (epfd, events, max, timeout, mask))                                                      \
	X(int, dup, (int fd), (fd))                                                                \
	X(int, dup2, (int fd, int to), (fd, to))                                                   \
	X(int, dup3, (int fd, int to, int flags), (fd, to, flags))                                 \
	X(int, getaddrinfo,                                                                        \
	  (const char *node, const char *service, const struct addrinfo *hints,                    \
	   struct addrinfo **res),                                                                 \
	  (node, service, hints, res))                                                             \
	X(int, execve, (const char *path, char *const argv[], char *const envp[]),                 \
	  (path, argv, envp))                                                                      \
	X(int, execvpe, (const char *file, char *const argv[], char *const envp[]),                \
	  (file, argv, envp))                                                                      \
	X(int, execveat,                                                                           \
	  (int dir, const char *path, char *const argv[], char *const envp[], int flags),          \
	  (dir, path, argv, envp, flags))                                                          \
	X(int, fexecve, (int fd, char *const argv[], char *const envp[]), (fd, argv, envp))        \
	X(int, posix_spawn,                                                                        \
	  (pid_t * pid, const char *path, const posix_spawn_file_actions_t *fa,                    \
	   const posix_spawnattr_t *attr, char *const argv[], char *const envp[]),                 \
	  (pid, path, fa, attr, argv, envp))                                                       \
	X(int, posix_spawnp,                                                                       \
	  (pid_t * pid, const char *file, const posix_spawn_file_actions_t *fa,                    \
	   const posix_spawnattr_t *attr, char *const argv[], char *const envp[]),                 \
	  (pid, file, fa, attr, argv, envp))                                                       \
	X(int, aio_read, (struct aiocb * cb), (cb))                                                \
	X(int, aio_write, (struct aiocb * cb), (cb))                                               \
	X(int, aio_read64, (struct aiocb64 * cb), (cb))                                            \
	X(int, aio_write64, (struct aiocb64 * cb), (cb))                                           \
	X(int, lio_listio, (int mode, struct aiocb *const list[], int n, struct sigevent *sig),    \
	  (mode, list, n, sig))                                                                    \
	X(int, lio_listio64,                                                                       \
	  (int mode, struct aiocb64 *const list[], int n, struct sigevent *sig),                   \
	  (mode, list, n, sig))                                                                    \
	X(int, system, (const char *command), (command))                                           \
	X(FILE *, popen, (const char *command, const char *mode), (command, mode))                 \
	X(int, daemon, (int nochdir, int noclose), (nochdir, noclose))                             \
	X(ssize_t, sendfile, (int out, int in, void *off, size_t n), (out, in, off, n))            \
	X(ssize_t, sendfile64, (int out, int in, void *off, size_t n), (out, in, off, n))          \
	X(ssize_t, splice,                                                                         \
	  (int in, off64_t *in_off, int out, off64_t *out_off, size_t n, unsigned int flags),      \
	  (in, in_off, out, out_off, n, flags))                                                    \
	X(ssize_t, pread64, (int fd, void *buf, size_t n, off64_t off), (fd, buf, n, off))         \
	X(int, sendmmsg, (int fd, struct mmsghdr *v, unsigned int n, int flags),                   \
	  (fd, v, n, flags))                                                                       \
	X(int, recvmmsg,                                                                           \
	  (int fd, struct mmsghdr *v, unsigned int n, int flags, struct timespec *timeout),        \
	  (fd, v, n, flags, timeout))                                                              \
	X(ssize_t, preadv64v2, (int fd, const struct iovec *iov, int n, off64_t off, int flags),   \
	  (fd, iov, n, off, flags))                                                                \
	X(ssize_t, pwritev64v2, (int fd, const struct iovec *iov, int n, off64_t off, int flags),  \
	  (fd, iov, n, off, flags))                                                                \
	X(FILE *, fdopen, (int fd, const char *mode), (fd, mode))                                  \
	X(int, fclose, (FILE * f), (f))                                                            \
	X(int, pclose, (FILE * f), (f))                                                            \
	LIBC_WIDE(X)                                                                               \
	X(FILE *, freopen, (const char *path, const char *mode, FILE *f), (path, mode, f))         \
	X(FILE *, freopen64, (const char *path, const char *mode, FILE *f), (path, mode, f))       \
	X(int, vdprintf, (int fd, const char *format, va_list ap), (fd, format, ap))               \
	X(int, __vdprintf_chk, (int fd, int flag, const char *format, va_list ap),                 \
	  (fd, flag, format, ap))                                                                  \
	X(int, sigaction, (int number, const struct sigaction *action, struct sigaction *old),     \
	  (number, action, old))                                                                   \
	X(sighandler_t, signal, (int number, sighandler_t handler), (number, handler))             \
	X(int, siginterrupt, (int number, int interrupt), (number, interrupt))                     \
	X(sighandler_t, sysv_signal, (int number, sighandler_t handler), (number, handler))        \
	X(sighandler_t, sigset, (int number, sighandler_t handler), (number, handler))

/* X(type, name, (fixed parameters), last, (arguments)): one optional argument. */
#define LIBC_VARIADIC(X)                                                                           \
	LIBC_OPENERS(X)                                                                            \
	X(int, fcntl64, (int fd, int cmd, ...), cmd, (fd, cmd, arg))                               \
	X(int, ioctl, (int fd, unsigned long cmd, ...), cmd, (fd, cmd, arg))

/* X(type, name, (parameters), (arguments)): calls that return nothing. */
#define LIBC_VOID(X)                                                                               \
	X(__vsyslog_chk, (int priority, int flag, const char *format, va_list ap),                 \
	  (priority, flag, format, ap))                                                            \
	X(backtrace_symbols_fd, (void *const *addresses, int n, int fd), (addresses, n, fd))       \
	X(closefrom, (int first), (first))                                                         \
	X(closelog, (void), ())                                                                    \
	X(freeaddrinfo, (struct addrinfo * ai), (ai))                                              \
	X(herror, (const char *text), (text))                                                      \
	X(malloc_stats, (void), ())                                                                \
	X(openlog, (const char *ident, int option, int facility), (ident, option, facility))       \
	X(perror, (const char *text), (text))                                                      \
	X(psiginfo, (const siginfo_t *info, const char *text), (info, text))                       \
	X(_exit, (int status), (status))

#define MEMBER(type, name, params, args)		type(*name) params;
#define MEMBER_VARIADIC(type, name, params, last, args) type(*name) params;
#define MEMBER_VOID(name, params, args)			void(*name) params;

/*
 * Each member starts as a function that binds all of them and then calls the
 * real one, so that a hook works before our constructor has run. Tests put
 * functions of their own in, to make a call fail.
 */
struct libc {
	LIBC_CALLS(MEMBER)
	LIBC_VARIADIC(MEMBER_VARIADIC)
	LIBC_VOID(MEMBER_VOID)
};

#undef MEMBER
#undef MEMBER_VARIADIC
#undef MEMBER_VOID

extern struct libc libc __attribute__((visibility("hidden")));

/*
 * For what the thread sanitizer calls by libc's names before it is ready, to install its own
 * signal handlers.
 */
#define UNSANITIZED __attribute__((no_sanitize("thread")))

/* Binds every call; harmless when repeated. */
void libc_bind(void);

#endif /* LIBC_H */
