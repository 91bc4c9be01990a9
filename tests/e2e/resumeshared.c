/* SPDX-License-Identifier: MIT */
/* Tickets that several servers take: processes of one, and those that share a file of keys. */
#include "child.h"
#include "trace.h"
#include "visit.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tlssock.h>
#include <unistd.h>

enum { WORKERS = 4, EACH = 3, KEY = 64 };

/* Serves so many clients, and says to each whether it was resumed. */
static int work(void *arg)
{
	int listener = *(int *)arg;

	for (int i = 0; i < EACH; i++) {
		int fd = (int)assert_ok(accept(listener, NULL, NULL)), resumed = -1;
		char c;

		assert_ok(getsockopt(fd, SOL_TLS, TLS_RESUMED_SESSION, &resumed, &(socklen_t){4}));
		if (recv(fd, &c, 1, 0) != 1 || send(fd, resumed ? "+" : "-", 1, 0) != 1)
			return 1;
		assert_ok(close(fd));
	}
	return 0;
}

/* Each process serves as many clients as the others: a ticket goes from one to the next. */
static void processes(void **state)
{
	pid_t workers[WORKERS];
	uint16_t port;
	int listener;
	char said[WORKERS * EACH + 1] = "";

	(void)state;
	visit_purge();
	listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	for (int i = 0; i < WORKERS; i++)
		workers[i] = child_start(work, &listener);
	close(listener);
	for (int i = 0; i < WORKERS * EACH; i++) {
		int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

		assert_ok(tls_connect(fd, AF_INET, port));
		assert_int_equal(send(fd, "u", 1, 0), 1);
		assert_int_equal(recv(fd, &said[i], 1, 0), 1);
		close(fd);
	}
	assert_string_equal(said, "-+++++++++++");
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(child_finish(workers[i]), 0);
}

static const char *key_path(int which)
{
	static char paths[3][64];

	snprintf(paths[which], sizeof(paths[which]), "/tmp/tlssock-tickets-%d-%d", getpid(), which);
	return paths[which];
}

/* Replaces a file of keys by one whose keys are of these letters, with more bytes behind. */
static void write_keys(int which, const char *letters, size_t more)
{
	const char *next = key_path(2);
	char bytes[KEY];
	FILE *f = fopen(next, "w");

	assert_non_null(f);
	for (; *letters; letters++) {
		memset(bytes, *letters, sizeof(bytes));
		fwrite(bytes, 1, sizeof(bytes), f);
	}
	fwrite(bytes, 1, more, f);
	fclose(f);
	assert_ok(chmod(next, 0600));
	assert_ok(rename(next, key_path(which)));
}

static void remove_keys(void)
{
	for (int i = 0; i < 3; i++)
		unlink(key_path(i));
}

/* A server of its own at an address of loopback, the last number of which is given. */
static int listen_at(int last, const char *identity, int key_file, uint16_t *port)
{
	union net_address address;
	socklen_t length = net_loopback(&address, AF_INET, *port);
	int fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));

	address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (in_addr_t)last);
	tls_set_text(fd, TLS_CERTIFICATE_CHAIN, zoo("%s.pem", identity));
	tls_set_text(fd, TLS_PRIVATE_KEY, zoo("%s.key", identity));
	if (key_file >= 0)
		tls_set_text(fd, TLS_TICKET_KEY_FILE, key_path(key_file));
	if (bind(fd, &address.any, length) < 0) {
		assert_int_equal(errno, EADDRINUSE);
		close(fd);
		return -1;
	}
	assert_ok(listen(fd, 8));
	assert_ok(getsockname(fd, &address.any, &length));
	*port = ntohs(address.in.sin_port);
	return fd;
}

/* Two servers with one port, each with a certificate and a file of its own; -1: none. */
static void two_servers(int servers[2], int key_file, uint16_t *port)
{
	do {
		*port = 0;
		servers[0] = listen_at(1, "good", key_file, port);
		servers[1] = listen_at(2, "good-rsa", key_file < 0 ? -1 : key_file + 1, port);
		if (servers[1] < 0)
			close(servers[0]);
	} while (servers[1] < 0);
}

/* As visit_again(), at an address. */
static int visit_at(int listener, int last, uint16_t port)
{
	union net_address address;
	socklen_t length = net_loopback(&address, AF_INET, port);
	int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost"), server, resumed;
	char c;

	address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + (in_addr_t)last);
	tls_set_int(fd, TLS_HANDSHAKE_MODE, TLS_HANDSHAKE_DEFERRED);
	assert_ok(connect(fd, &address.any, length));
	server = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(send(server, "d", 1, 0), 1);
	assert_int_equal(recv(fd, &c, 1, 0), 1);
	resumed = tls_get_int(server, TLS_RESUMED_SESSION);
	close(server);
	close(fd);
	return resumed;
}

static void two_machines(void **state)
{
	uint16_t port;
	int servers[2];

	(void)state;
	write_keys(0, "s", 0);
	write_keys(1, "s", 0);
	/* Without the file each has keys of its own, since their certificates differ. */
	for (int key_file = -1; key_file < 1; key_file++) {
		visit_purge();
		two_servers(servers, key_file, &port);
		assert_int_equal(visit_at(servers[0], 1, port), 0);
		assert_int_equal(visit_at(servers[1], 2, port), key_file == 0);
		assert_int_equal(visit_at(servers[0], 1, port), key_file == 0);
		close(servers[0]);
		close(servers[1]);
	}
	remove_keys();
}

static int served_with(int listener, uint16_t port, const char *letters, size_t more)
{
	write_keys(0, letters, more);
	return visit_at(listener, 1, port);
}

/* Old keys hold for a while, and those that the file still lists; a broken file for none. */
static void changed_file(void **state)
{
	uint16_t port = 0;
	int listener;

	(void)state;
	visit_purge();
	write_keys(0, "a", 0);
	listener = listen_at(1, "good", 0, &port);
	assert_int_equal(visit_at(listener, 1, port), 0);
	assert_int_equal(served_with(listener, port, "b", 0), 1);
	visit_purge();
	assert_int_equal(visit_at(listener, 1, port), 0);
	assert_int_equal(served_with(listener, port, "cb", 0), 1);
	assert_int_equal(served_with(listener, port, "cb", 7), 1);
	visit_purge();
	assert_int_equal(visit_at(listener, 1, port), 0);
	assert_int_equal(visit_at(listener, 1, port), 1);
	/* Two changes later a key is gone. */
	assert_int_equal(served_with(listener, port, "d", 0), 1);
	visit_purge();
	assert_int_equal(visit_at(listener, 1, port), 0);
	write_keys(0, "e", 0);
	tls_set_text(listener, TLS_TICKET_KEY_FILE, key_path(0));
	assert_int_equal(served_with(listener, port, "f", 0), 0);
	assert_int_equal(visit_at(listener, 1, port), 1);
	close(listener);
	remove_keys();
}

/* A file does not make one service of two that speak different protocols. */
static void one_file_two_purposes(void **state)
{
	uint16_t port;
	int servers[2];

	(void)state;
	visit_purge();
	write_keys(0, "s", 0);
	write_keys(1, "s", 0);
	two_servers(servers, 0, &port);
	tls_set_text(servers[1], TLS_ALPN, "h2");
	assert_int_equal(visit_at(servers[0], 1, port), 0);
	assert_int_equal(visit_at(servers[1], 2, port), 0);
	close(servers[0]);
	close(servers[1]);
	remove_keys();
}

static const struct CMUnitTest tests[] = {
	CASE(processes),
	CASE(two_machines),
	CASE(changed_file),
	CASE(one_file_two_purposes),
};

int main(void)
{
	return compare_main("resumeshared", NULL, 0, tests, COUNT(tests));
}
