/* SPDX-License-Identifier: MIT */
#include "inject.h"
#include "libc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static __thread bool inside_library;
static struct {
	const char *name;
	unsigned int in;
	int error;
	bool done;
} failing = {.name = ""};

static struct libc real;

void inject(const char *call, unsigned int in, int error)
{
	failing.name = call;
	failing.in = in;
	failing.error = error;
	failing.done = error == 0;
}

bool inject_done(void)
{
	return failing.done;
}

void inject_here(bool inside)
{
	inside_library = inside;
}

static bool injected(const char *name)
{
	if (!inside_library || failing.done || strcmp(name, failing.name) != 0 || --failing.in > 0)
		return false;
	failing.done = true;
	errno = failing.error;
	return true;
}

#define FAILING(type, call, params, args)                                                          \
	static type failing_##call params                                                          \
	{                                                                                          \
		return injected(#call) ? (type)(intptr_t)-1 : real.call args;                      \
	}
#define FAILING_VARIADIC(type, call, params, last, args)                                           \
	static type failing_##call params                                                          \
	{                                                                                          \
		va_list ap;                                                                        \
		void *arg;                                                                         \
		va_start(ap, last);                                                                \
		arg = va_arg(ap, void *);                                                          \
		va_end(ap);                                                                        \
		/* F_GETFL of an open descriptor cannot fail. */                                   \
		return last != F_GETFL && injected(#call) ? (type)-1 : real.call args;             \
	}

LIBC_CALLS(FAILING)
LIBC_VARIADIC(FAILING_VARIADIC)

/* Also one that fails has closed (close(2)). */
static int failing_close_all_the_same(int fd)
{
	int r = real.close(fd);

	return injected("close") ? -1 : r;
}

/*
 * What was looked at is there: discarding it cannot fail. The thread sanitizer takes
 * recv without memory for a write, at address 0 for every thread.
 */
static ssize_t failing_recv_of_news(int fd, void *buf, size_t n, int flags)
{
	if (flags & MSG_TRUNC)
		return syscall(SYS_recvfrom, fd, buf, n, flags, NULL, NULL);
	return failing_recv(fd, buf, n, flags);
}

#define PUT(type, call, params, args)		     libc.call = failing_##call;
#define PUT_VARIADIC(type, call, params, last, args) libc.call = failing_##call;

void inject_start(void)
{
	libc_bind();
	real = libc;
	LIBC_CALLS(PUT)
	LIBC_VARIADIC(PUT_VARIADIC)
	(void)failing_close;
	libc.recv = failing_recv_of_news;
	libc.close = failing_close_all_the_same;
}
