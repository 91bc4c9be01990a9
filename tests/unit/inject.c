/* SPDX-License-Identifier: MIT */
#include "inject.h"
#include "libc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>

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

/* What was looked at is there: dropping it cannot fail. */
static long failing_syscall_of_news(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_recvfrom)
		return real.syscall(number, a, b, c, d, e, f);
	return failing_syscall(number, a, b, c, d, e, f);
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
	libc.syscall = failing_syscall_of_news;
	libc.close = failing_close_all_the_same;
}
