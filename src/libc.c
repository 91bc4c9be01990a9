/* SPDX-License-Identifier: MIT */
#include "libc.h"

#include <dlfcn.h>
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

static UNSANITIZED void *lookup(const char *name)
{
	void *real = dlsym(RTLD_NEXT, name);

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
