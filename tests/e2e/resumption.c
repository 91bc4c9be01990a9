/* SPDX-License-Identifier: MIT */
/* Sessions that are resumed, and those that must not be. */
#include "trace.h"
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <tlssock.h>
#include <unistd.h>

__attribute__((unused)) static void set_long(int fd, int option, long value)
{
	assert_ok(setsockopt(fd, IPPROTO_TLS, option, &value, sizeof(value)));
}

static int client_of(const char *name)
{
	return tls_socket(AF_INET, IPPROTO_TLS, name);
}

/*
 * One connection, in which each end says a byte, so that a ticket has come. Closes the
 * client's end. Returns whether the session was resumed, as both ends see it.
 */
static int visit(int listener, uint16_t port, int fd)
{
	struct connecting connecting;
	struct tls_info info;
	socklen_t len = sizeof(info);
	int server, resumed;
	char c;

	connecting_start(&connecting, fd, AF_INET, port);
	server = (int)assert_ok(accept(listener, NULL, NULL));
	resumed = tls_get_int(server, TLS_RESUMED_SESSION);
	assert_ok(connecting_finish(&connecting));
	assert_int_equal(tls_get_int(fd, TLS_RESUMED_SESSION), resumed);
	assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION), test_version());
	assert_int_equal(send(fd, "u", 1, 0), 1);
	assert_int_equal(recv(server, &c, 1, 0), 1);
	assert_int_equal(send(server, "d", 1, 0), 1);
	assert_int_equal(recv(fd, &c, 1, 0), 1);
	assert_int_equal(c, 'd');
	assert_ok(getsockopt(fd, IPPROTO_TLS, TLS_INFO, &info, &len));
	assert_int_equal(info.resumed, resumed);
	assert_ok(close(fd));
	assert_ok(close(server));
	return resumed;
}

static void purge(void)
{
	int fd = client_of(NULL);

	assert_ok(setsockopt(fd, SOL_TLS, TLS_SESSION_CACHE_PURGE, NULL, 0));
	close(fd);
}

/* As often as one likes, and it stays verified. */
static void again_and_again(void **state)
{
	struct tls_info info;
	socklen_t len = sizeof(info);
	struct link link;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);

	(void)state;
	purge();
	assert_int_equal(visit(listener, port, client_of("localhost")), 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(visit(listener, port, client_of("localhost")), 1);
	close(listener);
	(void)info; (void)len; (void)link;
}

static const struct CMUnitTest tests[] = {
	CASE(again_and_again),
};

int main(void)
{
	return compare_main("resumption", NULL, 0, tests, COUNT(tests));
}
