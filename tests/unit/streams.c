/* SPDX-License-Identifier: MIT */
/*
 * stdio's streams on a number that the table says is ours, with every allocation
 * failing in turn: what fails says so, leaves nothing behind, and writes nothing past us.
 */
#include "streams.h"
#include "alloc.h"
#include "engine.h"
#include "fdtable.h"
#include "libc.h"
#include "owner.h"
#include "sockets.h"
#include "texts.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <tlssock.h>
#include <unistd.h>

static int tls_number(void)
{
	return sockets_socket(AF_INET, SOCK_STREAM, IPPROTO_TLS);
}

/* How many allocations a deed has; each of them fails once, and deed() looks at that. */
static void fail_each(void (*deed)(bool failing))
{
	unsigned long count;
	long live;

	alloc_start(0);
	deed(false);
	count = alloc_stop();
	assert_true(count > 0);
	for (unsigned long at = 1; at <= count; at++) {
		live = alloc_live();
		alloc_start(at);
		deed(true);
		alloc_stop();
		assert_int_equal(alloc_live(), live);
	}
}

static void open_and_close(bool failing)
{
	FILE *f = NULL;
	int fd, r;

	alloc_pause(true);
	fd = tls_number();
	alloc_pause(false);
	r = streams_fdopen(fd, "w", &f);
	alloc_pause(true);
	assert_int_equal(r, failing ? -ENOMEM : 0);
	assert_true(fdtable_has(fd));
	if (f)
		assert_int_equal(fclose(f), 0);
	else
		assert_int_equal(sockets_close(fd), 0);
	assert_false(fdtable_has(fd));
	alloc_pause(false);
}

static void fdopen_without_memory(void **state)
{
	(void)state;
	fail_each(open_and_close);
}

__attribute__((format(printf, 2, 3))) static int print(int fd, const char *format, ...)
{
	va_list ap;
	int r;

	va_start(ap, format);
	r = texts_vdprintf(fd, format, ap);
	va_end(ap);
	return r;
}

/* The socket is not connected: what is not for want of memory is EPIPE. */
static void print_text(bool failing)
{
	int fd, r, error;

	alloc_pause(true);
	fd = tls_number();
	alloc_pause(false);
	r = print(fd, "%s %d", "text", 1);
	error = errno;
	alloc_pause(true);
	assert_int_equal(r, -1);
	assert_int_equal(error, failing ? ENOMEM : EPIPE);
	assert_int_equal(sockets_close(fd), 0);
	alloc_pause(false);
}

static void dprintf_without_memory(void **state)
{
	(void)state;
	fail_each(print_text);
}

/* Without memory nothing stands in for stdin, which then gets EBADF. */
static void stand_in(bool failing)
{
	FILE *original = stdin;
	int fd, c, error;

	alloc_pause(true);
	fd = tls_number();
	assert_int_equal(ungetc('u', stdin), 'u');
	alloc_pause(false);
	assert_int_equal(sockets_dup_to(fd, 0, false), 0);
	alloc_pause(true);
	assert_true(failing || stdin != original);
	if (stdin == original) {
		__fpurge(stdin);
		c = getc(stdin);
		error = errno;
		assert_int_equal(c, EOF);
		assert_int_equal(error, EBADF);
	}
	assert_int_equal(fileno(original), -1);
	assert_int_equal(sockets_close(0), 0);
	assert_ptr_equal(stdin, original);
	assert_int_equal(fileno(stdin), 0);
	assert_int_equal(open("/dev/null", O_RDONLY), 0);
	__fpurge(stdin);
	clearerr(stdin);
	assert_int_equal(sockets_close(fd), 0);
	alloc_pause(false);
}

static void standard_without_memory(void **state)
{
	(void)state;
	fail_each(stand_in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fdopen_without_memory),
		cmocka_unit_test(dprintf_without_memory),
		cmocka_unit_test(standard_without_memory),
	};

	signal(SIGPIPE, SIG_IGN);
	libc_bind();
	if (owner_process_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
