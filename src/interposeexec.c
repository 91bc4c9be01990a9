/* SPDX-License-Identifier: MIT */
/*
 * exec(3). libc's functions of this family call one another past every hook, so each is
 * here, and comes down to one of four.
 */
#include "interpose.h"

#include "handoff.h"
#include "libc.h"

#include <alloca.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

struct exec {
	int fd;
	const char *path;
	char *const *argv, *const *envp;
	int flags;
};

static int by_execve(void *arg)
{
	const struct exec *x = arg;

	libc.execve(x->path, x->argv, x->envp);
	return -errno;
}

static int by_execvpe(void *arg)
{
	const struct exec *x = arg;

	libc.execvpe(x->path, x->argv, x->envp);
	return -errno;
}

static int by_execveat(void *arg)
{
	const struct exec *x = arg;

	libc.execveat(x->fd, x->path, x->argv, x->envp, x->flags);
	return -errno;
}

static int by_fexecve(void *arg)
{
	const struct exec *x = arg;

	libc.fexecve(x->fd, x->argv, x->envp);
	return -errno;
}

/*
 * A program that walks PATH by itself tries many names. What cannot be run is the
 * kernel's to refuse, without a word about sockets.
 */
static bool cannot_run(const char *path)
{
	int saved = errno;
	bool cannot = faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0 &&
		      (errno == ENOENT || errno == EACCES || errno == ENOTDIR);

	errno = saved;
	return cannot;
}

EXPORT int execve(const char *path, char *const argv[], char *const envp[])
{
	struct exec x = {.path = path, .argv = argv, .envp = envp};

	if (!fdtable_any() || cannot_run(path))
		return libc.execve(path, argv, envp);
	return (int)FINISH_OPEN(handoff_exec(path, by_execve, &x));
}

EXPORT int execv(const char *path, char *const argv[])
{
	return execve(path, argv, environ);
}

EXPORT int execvpe(const char *file, char *const argv[], char *const envp[])
{
	struct exec x = {.path = file, .argv = argv, .envp = envp};

	if (!fdtable_any() || (strchr(file, '/') && cannot_run(file)))
		return libc.execvpe(file, argv, envp);
	return (int)FINISH_OPEN(handoff_exec(file, by_execvpe, &x));
}

EXPORT int execvp(const char *file, char *const argv[])
{
	return execvpe(file, argv, environ);
}

EXPORT int execveat(int dir, const char *path, char *const argv[], char *const envp[], int flags)
{
	struct exec x = {dir, path, argv, envp, flags};

	if (!fdtable_any())
		return libc.execveat(dir, path, argv, envp, flags);
	return (int)FINISH_OPEN(handoff_exec(*path ? path : "a descriptor", by_execveat, &x));
}

EXPORT int fexecve(int fd, char *const argv[], char *const envp[])
{
	struct exec x = {.fd = fd, .argv = argv, .envp = envp};

	if (!fdtable_any())
		return libc.fexecve(fd, argv, envp);
	return (int)FINISH_OPEN(handoff_exec("a descriptor", by_fexecve, &x));
}

/* How many arguments there are, with the NULL. */
static size_t count(const char *arg, va_list *ap)
{
	size_t n = 1;

	while (arg) {
		arg = va_arg(*ap, const char *);
		n++;
	}
	return n;
}

static void collect(char **argv, size_t n, const char *arg, va_list *ap)
{
	argv[0] = (char *)(uintptr_t)arg;
	for (size_t i = 1; i < n; i++)
		argv[i] = va_arg(*ap, char *);
}

/*
 * The arguments as a vector. On the stack, where they are already: memory must not be
 * asked for after vfork or in a signal handler.
 */
#define VECTOR(argv, arg, ap)                                                                      \
	do {                                                                                       \
		size_t n;                                                                          \
		va_start(ap, arg);                                                                 \
		n = count(arg, &ap);                                                               \
		va_end(ap);                                                                        \
		argv = alloca(n * sizeof(*argv));                                                  \
		va_start(ap, arg);                                                                 \
		collect(argv, n, arg, &ap);                                                        \
	} while (0)

EXPORT int execl(const char *path, const char *arg, ...)
{
	char **argv;
	va_list ap;

	VECTOR(argv, arg, ap);
	va_end(ap);
	return execve(path, argv, environ);
}

EXPORT int execlp(const char *file, const char *arg, ...)
{
	char **argv;
	va_list ap;

	VECTOR(argv, arg, ap);
	va_end(ap);
	return execvpe(file, argv, environ);
}

EXPORT int execle(const char *path, const char *arg, ...)
{
	char *const *envp;
	char **argv;
	va_list ap;

	VECTOR(argv, arg, ap);
	envp = va_arg(ap, char *const *);
	va_end(ap);
	return execve(path, argv, envp);
}
