/* SPDX-License-Identifier: MIT */
#include "alloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static __thread bool counting, paused;
static __thread unsigned long count, failing;
static atomic_long live;

void alloc_start(unsigned long fail_at)
{
	counting = true;
	count = 0;
	failing = fail_at;
}

unsigned long alloc_stop(void)
{
	counting = false;
	return count;
}

long alloc_live(void)
{
	return live;
}

void alloc_pause(bool pause)
{
	paused = pause;
}

/*
 * A caller of GnuTLS's that uses what it was given without looking, and so ends the
 * process: gnutls_x509_dn_init in 3.7.9, which comparing two certificates calls.
 */
static bool looks_not(const void *caller)
{
	Dl_info at;

	return dladdr(caller, &at) && at.dli_sname &&
	       strcmp(at.dli_sname, "gnutls_x509_dn_init") == 0;
}

static bool fails(const void *caller)
{
	if (!counting || paused || ++count != failing || looks_not(caller))
		return false;
	errno = ENOMEM;
	return true;
}

static void *counted(void *piece)
{
	live += piece != NULL;
	return piece;
}

/* X(type, name, (parameters), (arguments)): what gives one new piece of memory. */
#define NEW(X)                                                                                     \
	X(void *, malloc, (size_t n), (n))                                                         \
	X(void *, calloc, (size_t n, size_t size), (n, size))                                      \
	X(char *, strdup, (const char *text), (text))                                              \
	X(char *, strndup, (const char *text, size_t n), (text, n))

#define WRAP(type, name, params, args)                                                             \
	type __real_##name params;                                                                 \
	type __wrap_##name params;                                                                 \
	type __wrap_##name params                                                                  \
	{                                                                                          \
		return fails(__builtin_return_address(0)) ? NULL : counted(__real_##name args);    \
	}

NEW(WRAP)

void *__real_realloc(void *old, size_t n);
void *__wrap_realloc(void *old, size_t n);
void __real_free(void *piece);
void __wrap_free(void *piece);
int __real_vasprintf(char **out, const char *format, va_list ap);
int __wrap_vasprintf(char **out, const char *format, va_list ap)
	__attribute__((format(printf, 2, 0)));
int __wrap_asprintf(char **out, const char *format, ...) __attribute__((format(printf, 2, 3)));
FILE *__real_open_memstream(char **out, size_t *size);
FILE *__wrap_open_memstream(char **out, size_t *size);

void *__wrap_realloc(void *old, size_t n)
{
	void *piece;

	if (fails(__builtin_return_address(0)))
		return NULL;
	piece = __real_realloc(old, n);
	live += piece && !old;
	return piece;
}

void __wrap_free(void *piece)
{
	live -= piece != NULL;
	__real_free(piece);
}

int __wrap_vasprintf(char **out, const char *format, va_list ap)
{
	int n = fails(__builtin_return_address(0)) ? -1 : __real_vasprintf(out, format, ap);

	live += n >= 0;
	return n;
}

int __wrap_asprintf(char **out, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = __wrap_vasprintf(out, format, ap);
	va_end(ap);
	return n;
}

/* The memory that it gives in the end counts from here. */
FILE *__wrap_open_memstream(char **out, size_t *size)
{
	FILE *f = fails(__builtin_return_address(0)) ? NULL : __real_open_memstream(out, size);

	live += f != NULL;
	return f;
}

/* What it keeps is libc's own, and does not count. */
void *__real_tsearch(const void *key, void **root, int (*compare)(const void *, const void *));
void *__wrap_tsearch(const void *key, void **root, int (*compare)(const void *, const void *));

void *__wrap_tsearch(const void *key, void **root, int (*compare)(const void *, const void *))
{
	return fails(__builtin_return_address(0)) ? NULL : __real_tsearch(key, root, compare);
}

void alloc_include_gnutls(bool include)
{
	gnutls_malloc = include ? __wrap_malloc : __real_malloc;
	gnutls_calloc = include ? __wrap_calloc : __real_calloc;
	gnutls_realloc = include ? __wrap_realloc : __real_realloc;
	gnutls_strdup = include ? __wrap_strdup : __real_strdup;
}
