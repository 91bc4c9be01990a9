/* SPDX-License-Identifier: MIT */
/* What the shell of system() and popen() is told first, and that it is not told to go on
 * where there was no memory for that. */
#include "spawnfd.h"
#include "alloc.h"
#include "engine.h"
#include "fdtable.h"
#include "libc.h"
#include "owner.h"
#include "sockets.h"
#include "unit.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <tlssock.h>
#include <unistd.h>

static void nothing_to_guard(void **state)
{
	char *guarded = (char[]){"x"};

	(void)state;
	alloc_start(1);
	assert_int_equal(spawnfd_shell("true", -1, &guarded), 0);
	assert_int_equal(alloc_stop(), 0);
	assert_null(guarded);
}

static void guarded_numbers(void **state)
{
	int tls = sockets_socket(AF_INET, SOCK_STREAM, IPPROTO_TLS);
	char *guarded;

	(void)state;
	assert_true(tls >= 0);
	assert_int_equal(sockets_dup_to(tls, 9, false), 9);
	assert_int_equal(sockets_dup_to(tls, 8, false), 8);
	assert_int_equal(sockets_close(tls), 0);
	assert_int_equal(spawnfd_shell("true", 8, &guarded), 0);
	assert_string_equal(guarded, "exec 9</; true");
	free(guarded);
	sockets_close(8);
	sockets_close(9);
}

static void without_memory(void **state)
{
	int tls = sockets_socket(AF_INET, SOCK_STREAM, IPPROTO_TLS), r;
	char *guarded;

	(void)state;
	assert_true(tls >= 0);
	alloc_start(1);
	r = spawnfd_shell("true", -1, &guarded);
	alloc_stop();
	assert_int_equal(r, -ENOMEM);
	assert_null(guarded);
	sockets_close(tls);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_guard),
		cmocka_unit_test(guarded_numbers),
		cmocka_unit_test(without_memory),
	};

	libc_bind();
	if (owner_process_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("spawnfd", tests, NULL, NULL);
}
