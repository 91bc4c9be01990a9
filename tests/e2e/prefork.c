/* SPDX-License-Identifier: MIT */
/*
 * Processes made in every way while connections live: servers with a process for each
 * client, daemons, children without fork's handlers, forks beside threads and in handlers.
 *
 * TLSSOCK_TEST_FORKS is how many forks the threads bear (1000 takes a while).
 */
#include "child.h"
#include "peer.h"
#include "proc.h"
#include "stream.h"
#include "trace.h"
#include "waiting.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <tlssock.h>
#include <unistd.h>

enum { WORKERS = 4, CLIENTS = 8, BYTES = 100000, FORKS = 150, LINKS = 2 };

static int echo_all(void *arg)
{
	int fd = *(int *)arg;
	char buf[5000];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		if (send(fd, buf, (size_t)n, MSG_NOSIGNAL) != n)
			return 1;
	if (n < 0)
		return 2;
	return close(fd) < 0 ? 3 : 0;
}

/* Accepts for good: each client gets a process, and this one closes its copy at once. */
static int work(void *arg)
{
	int listener = *(int *)arg, status = 0;

	for (int i = 0; i < CLIENTS / WORKERS; i++) {
		int fd = (int)assert_ok(accept(listener, NULL, NULL));
		pid_t pid = fork();

		if (pid == 0)
			_exit(echo_all(&fd));
		close(fd);
		if (waitpid(pid, &status, 0) != pid || status)
			return 4;
	}
	return 0;
}

static void process_for_each(void **state)
{
	static char data[BYTES], back[BYTES];
	pid_t workers[WORKERS];
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);

	(void)state;
	stream_fill(0, data, sizeof(data));
	for (int i = 0; i < WORKERS; i++)
		workers[i] = child_start(work, &listener);
	assert_ok(close(listener));
	for (int i = 0; i < CLIENTS; i++) {
		int fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");

		assert_ok(tls_connect(fd, AF_INET, port));
		for (size_t at = 0; at < BYTES; at += 20000) {
			assert_int_equal(send(fd, data + at, 20000, 0), 20000);
			assert_int_equal(recv(fd, back + at, 20000, MSG_WAITALL), 20000);
		}
		assert_int_equal(stream_mismatch(0, back, BYTES), BYTES);
		assert_ok(shutdown(fd, SHUT_WR));
		assert_int_equal(recv(fd, back, 1, 0), 0);
		close(fd);
	}
	for (int i = 0; i < WORKERS; i++)
		assert_int_equal(child_finish(workers[i]), 0);
}

/* Copies that come without handlers are refused, and do no harm. */
static int refused(int fd)
{
	char c;

	if (send(fd, "x", 1, MSG_NOSIGNAL) != -1 || errno != EBADFD)
		return 1;
	if (recv(fd, &c, 1, MSG_DONTWAIT) != -1 || errno != EBADFD)
		return 2;
	return close(fd) < 0 ? 3 : 0;
}

static pid_t by_clone(void)
{
	return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void without_handlers(void **state)
{
	static pid_t (*const ways[])(void) = {_Fork, by_clone};
	struct link link;
	char buf[8];

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	for (size_t i = 0; i < COUNT(ways); i++) {
		pid_t pid = ways[i]();

		if (pid == 0)
			_exit(refused(link.client));
		assert_int_equal(child_finish(pid), 0);
		assert_int_equal(send(link.client, "mine", 4, 0), 4);
		assert_int_equal(recv(link.server, buf, sizeof(buf), 0), 4);
		assert_fails(recv(link.server, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	}
	link_close(&link);
}

static int become_daemon(void *arg)
{
	int fd = *(int *)arg;

	if (daemon(1, 1) < 0 || send(fd, "daemon", 6, MSG_NOSIGNAL) != 6)
		_exit(1);
	exit(0);
}

/* The process that connected is gone, its child sends; its exit is a clean end. */
static void daemons(void **state)
{
	struct link link;
	char buf[8];
	pid_t pid;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	pid = child_start(become_daemon, &link.client);
	assert_int_equal(child_finish(pid), 0);
	link_drop(&link.client);
	assert_int_equal(recv(link.server, buf, 6, MSG_WAITALL), 6);
	assert_memory_equal(buf, "daemon", 6);
	assert_int_equal(recv(link.server, buf, 1, 0), 0);
	link_close(&link);
}

static int grandchild(void *arg)
{
	pid_t pid = fork();
	int fd = *(int *)arg, status = 0;

	if (pid == 0)
		_exit(send(fd, "grand", 5, MSG_NOSIGNAL) == 5 && close(fd) == 0 ? 0 : 1);
	if (close(fd) < 0 || waitpid(pid, &status, 0) != pid)
		return 1;
	return WEXITSTATUS(status);
}

static void grandchildren(void **state)
{
	struct link link;
	char buf[8];
	pid_t pid;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	pid = child_start(grandchild, &link.client);
	link_drop(&link.client);
	assert_int_equal(recv(link.server, buf, 5, MSG_WAITALL), 5);
	assert_memory_equal(buf, "grand", 5);
	assert_int_equal(recv(link.server, buf, 1, 0), 0);
	assert_int_equal(child_finish(pid), 0);
	link_close(&link);
}

static int exit_after_send(void *arg)
{
	static char data[BYTES];

	stream_fill(0, data, sizeof(data));
	assert_ok(send(*(int *)arg, data, sizeof(data), MSG_NOSIGNAL));
	exit(0);
}

/* What the child has sent arrives, though it ends at once. */
static void exits_with_data(void **state)
{
	static char got[BYTES];
	struct link link;
	pid_t pid;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	pid = child_start(exit_after_send, &link.client);
	link_drop(&link.client);
	assert_int_equal(recv(link.server, got, BYTES, MSG_WAITALL), BYTES);
	assert_int_equal(stream_mismatch(0, got, BYTES), BYTES);
	assert_int_equal(recv(link.server, got, 1, 0), 0);
	assert_int_equal(child_finish(pid), 0);
	link_close(&link);
}

static volatile pid_t forked;
static int handler_fd;

/* Out of the middle of a wait; the child takes the session. */
static void fork_here(int number)
{
	pid_t pid = fork();

	(void)number;
	if (pid == 0)
		_exit(send(handler_fd, "child", 5, MSG_NOSIGNAL) == 5 && close(handler_fd) == 0
			      ? 0
			      : 1);
	forked = pid;
}

static void in_handlers(void **state)
{
	struct sigaction old, action = {.sa_handler = fork_here, .sa_flags = SA_RESTART};
	struct waiting w;
	struct link link;
	char buf[8];

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	handler_fd = link.client;
	forked = 0;
	sigaction(SIGUSR1, &action, &old);
	waiting_start(&w, link.client);
	pthread_kill(w.thread, SIGUSR1);
	assert_int_equal(recv(link.server, buf, 5, MSG_WAITALL), 5);
	assert_memory_equal(buf, "child", 5);
	while (!forked)
		waiting_settle(&w);
	assert_int_equal(child_finish(forked), 0);
	link_drop(&link.server);
	waiting_finish(&w);
	assert_int_equal(w.result, -1);
	assert_int_equal(w.error, EBADFD);
	sigaction(SIGUSR1, &old, NULL);
	link_close(&link);
}

static atomic_bool over;

struct traffic {
	struct link link;
	pthread_t sender, receiver;
	uint64_t sent, received;
	const char *wrong;
};

static void *keep_sending(void *arg)
{
	struct traffic *t = arg;
	char buf[3000];

	while (!over && !t->wrong) {
		size_t n = 1 + t->sent % sizeof(buf);

		stream_fill(t->sent, buf, n);
		if (send(t->link.client, buf, n, MSG_NOSIGNAL) != (ssize_t)n)
			t->wrong = "send";
		t->sent += n;
	}
	shutdown(t->link.client, SHUT_WR);
	return NULL;
}

static void *keep_receiving(void *arg)
{
	struct traffic *t = arg;
	char buf[4000];
	ssize_t n;

	while ((n = recv(t->link.server, buf, sizeof(buf), 0)) > 0) {
		if (stream_mismatch(t->received, buf, (size_t)n) != (size_t)n)
			t->wrong = "stream";
		t->received += (uint64_t)n;
	}
	if (n < 0)
		t->wrong = "recv";
	return NULL;
}

/* Traffic of other threads, which have every lock at one time or another. */
static void beside_threads(void **state)
{
	static struct traffic traffic[LINKS];
	const char *forks = getenv("TLSSOCK_TEST_FORKS");
	int n = forks ? atoi(forks) : FORKS;

	(void)state;
	over = false;
	memset(traffic, 0, sizeof(traffic));
	for (size_t i = 0; i < LINKS; i++) {
		struct traffic *t = &traffic[i];

		link_open(&t->link, IPPROTO_TLS, AF_INET);
		assert_int_equal(pthread_create(&t->sender, NULL, keep_sending, t), 0);
		assert_int_equal(pthread_create(&t->receiver, NULL, keep_receiving, t), 0);
	}
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();
		int status = -1;

		if (pid == 0)
			_exit(close(traffic[i % LINKS].link.client));
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
	}
	over = true;
	for (size_t i = 0; i < LINKS; i++) {
		pthread_join(traffic[i].sender, NULL);
		pthread_join(traffic[i].receiver, NULL);
		if (traffic[i].wrong)
			fail_msg("%s", traffic[i].wrong);
		assert_int_equal(traffic[i].received, traffic[i].sent);
		link_close(&traffic[i].link);
	}
}

static const struct CMUnitTest tests[] = {
	CASE(process_for_each), CASE(without_handlers), CASE(daemons),	      CASE(grandchildren),
	CASE(exits_with_data),	CASE(in_handlers),	CASE(beside_threads),
};

int main(void)
{
	return compare_main("prefork", NULL, 0, tests, COUNT(tests));
}
