/* SPDX-License-Identifier: MIT */
#include "libc.h"

#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <stdbool.h>
#include <stdlib.h>

#define FIRST(type, name, params, args)                                                            \
	static UNSANITIZED type first_##name params                                                \
	{                                                                                          \
		libc_bind();                                                                       \
		return libc.name args;                                                             \
	}
#define FIRST_VARIADIC(type, name, params, last, args)                                             \
	static UNSANITIZED type first_##name params                                                \
	{                                                                                          \
		va_list ap;                                                                        \
		va_start(ap, last);                                                                \
		void *arg = va_arg(ap, void *);                                                    \
		va_end(ap);                                                                        \
		libc_bind();                                                                       \
		return libc.name args;                                                             \
	}
#define FIRST_VOID(name, params, args)                                                             \
	static UNSANITIZED void first_##name params                                                \
	{                                                                                          \
		libc_bind();                                                                       \
		libc.name args;                                                                    \
	}

LIBC_CALLS(FIRST)
LIBC_VARIADIC(FIRST_VARIADIC)
LIBC_VOID(FIRST_VOID)

#define INIT(type, name, params, args)		      .name = first_##name,
#define INIT_VARIADIC(type, name, params, last, args) .name = first_##name,
#define INIT_VOID(name, params, args)		      .name = first_##name,

struct libc libc = {LIBC_CALLS(INIT) LIBC_VARIADIC(INIT_VARIADIC) LIBC_VOID(INIT_VOID)};

/*
 * A call that this libc does not have cannot be called by a program either, so
 * a missing one is only fatal when somebody calls it.
 */
static void missing(void)
{
	abort();
}

/* What glibc got later than 2.31, of which all has the rest. */
static const struct {
	const char *name;
	int minor;
} since[] = {
	{"_Fork", 34},	      {"close_range", 34}, {"closefrom", 34}, {"execveat", 34},
	{"epoll_pwait2", 35}, {"pidfd_getfd", 36}, {"__isoc23_", 38},
};

/* By hand: a sanitizer's strncmp is not there yet. */
static UNSANITIZED bool starts(const char *text, const char *with)
{
	while (*with && *text == *with) {
		text++;
		with++;
	}
	return !*with;
}

/* The 36 of 2.36. */
static UNSANITIZED int glibc_minor(void)
{
	int minor = 0;

	for (const char *p = gnu_get_libc_version() + 2; *p >= '0' && *p <= '9'; p++)
		minor = minor * 10 + (*p - '0');
	return minor;
}

/*
 * A dlsym that fails allocates its message, and malloc may be what calls us first: jemalloc
 * reads files while it holds its own lock. So what cannot be there is not looked for.
 */
static UNSANITIZED bool is_too_new(const char *name)
{
	for (size_t i = 0; i < sizeof(since) / sizeof(since[0]); i++)
		if (starts(name, since[i].name))
			return glibc_minor() < since[i].minor;
	return false;
}

static UNSANITIZED void *lookup(const char *name)
{
	void *real = is_too_new(name) ? NULL : dlsym(RTLD_NEXT, name);

	return real ? real : (void *)missing;
}

/* Stored atomically: another thread may be calling through the member. */
#define BIND(type, name, params, args)                                                             \
	{                                                                                          \
		type(*real) params = (type(*) params)lookup(#name);                                \
		__atomic_store_n(&libc.name, real, __ATOMIC_RELAXED);                              \
	}
#define BIND_VARIADIC(type, name, params, last, args) BIND(type, name, params, args)
#define BIND_VOID(name, params, args)		      BIND(void, name, params, args)

UNSANITIZED void libc_bind(void)
{
	LIBC_CALLS(BIND)
	LIBC_VARIADIC(BIND_VARIADIC)
	LIBC_VOID(BIND_VOID)
}
