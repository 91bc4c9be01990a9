/* SPDX-License-Identifier: MIT */
/* fork: who serves, who may write, and that what a process drops does not end the other's. */
#include "child.h"
#include "peer.h"
#include "proc.h"
#include "stream.h"
#include "trace.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <tlssock.h>
#include <unistd.h>

#define BYTES	   200000
#define BYTES_TEXT "200000"

/* Take BYTES, give them back, close. Returns 0, or what went wrong. */
static int serve(int fd)
{
	static char data[BYTES];
	char c;

	if (recv(fd, data, sizeof(data), MSG_WAITALL) != sizeof(data))
		return 2;
	if (stream_mismatch(0, data, sizeof(data)) != sizeof(data))
		return 3;
	if (recv(fd, &c, 1, 0) != 0)
		return 4;
	if (send(fd, data, sizeof(data), MSG_NOSIGNAL) != sizeof(data))
		return 5;
	return close(fd) < 0 ? 6 : 0;
}

static int serve_child(void *arg)
{
	return serve(*(int *)arg);
}

/* When the child takes over: before the handshake, or after it. */
static void child_serves(int handshake_first)
{
	static const char *const programs[] = {"gnutls-peer", "openssl-peer"};

	for (size_t i = 0; i < COUNT(programs); i++) {
		struct native_peer peer;
		uint16_t port;
		int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), fd;
		pid_t pid;

		peer_connect(&peer, programs[i], AF_INET, port, "--mode", "exchange", "--bytes",
			     BYTES_TEXT, NULL);
		fd = (int)assert_ok(accept(listener, NULL, NULL));
		if (handshake_first)
			assert_int_equal(tls_get_int(fd, TLS_CHOSEN_VERSION), test_version());
		pid = child_start(serve_child, &fd);
		assert_ok(close(fd)); /* no close_notify from here: the child has the session */
		peer_received(&peer, BYTES, "close_notify");
		assert_int_equal(child_finish(pid), 0);
		assert_ok(close(listener));
		assert_int_equal(proc_finish(&peer.proc), 0);
	}
}

static void child_serves_at_once(void **state)
{
	(void)state;
	child_serves(0);
}

static void child_serves_after_handshake(void **state)
{
	(void)state;
	child_serves(1);
}

static int accept_child(void *arg)
{
	int listener = *(int *)arg;
	int status = 0;

	for (int i = 0; i < 3 && status == 0; i++)
		status = serve((int)assert_ok(accept(listener, NULL, NULL)));
	return status;
}

/* Three processes accept on one listener; nine clients. */
static void pre_fork(void **state)
{
	struct native_peer peers[9];
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	pid_t pids[3];

	(void)state;
	for (size_t i = 0; i < COUNT(pids); i++)
		pids[i] = child_start(accept_child, &listener);
	assert_ok(close(listener));
	for (size_t i = 0; i < COUNT(peers); i++)
		peer_connect(&peers[i], i % 2 ? "gnutls-peer" : "openssl-peer", AF_INET, port,
			     "--mode", "exchange", "--bytes", BYTES_TEXT, NULL);
	for (size_t i = 0; i < COUNT(peers); i++) {
		peer_received(&peers[i], BYTES, "close_notify");
		assert_int_equal(proc_finish(&peers[i].proc), 0);
	}
	for (size_t i = 0; i < COUNT(pids); i++)
		assert_int_equal(child_finish(pids[i]), 0);
}

static int write_first(void *arg)
{
	struct child_turns *turns = arg;

	assert_ok(send(turns->fd, "child", 5, MSG_NOSIGNAL));
	child_give(turns->to_parent);
	child_take(turns->to_child);
	assert_ok(send(turns->fd, "again", 5, MSG_NOSIGNAL));
	return close(turns->fd);
}

/* The child writes first and has the session: the parent is refused, and sends nothing. */
static void child_writes_first(void **state)
{
	struct link link;
	struct child_turns turns;
	char buf[16];
	pid_t pid;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	pid = child_turns_start(&turns, link.client, write_first);
	child_take(turns.to_parent);
	assert_fails(send(link.client, "parent", 6, MSG_NOSIGNAL), EBADFD);
	assert_fails(recv(link.client, buf, sizeof(buf), MSG_DONTWAIT), EBADFD);
	link_drop(&link.client);
	child_give(turns.to_child);
	assert_int_equal(child_finish(pid), 0);
	child_turns_fini(&turns);
	assert_int_equal(recv(link.server, buf, 10, MSG_WAITALL), 10);
	assert_memory_equal(buf, "childagain", 10);
	assert_int_equal(recv(link.server, buf, sizeof(buf), 0), 0);
	link_close(&link);
}

static int write_second(void *arg)
{
	struct child_turns *turns = arg;
	char c;

	child_take(turns->to_child);
	assert_fails(send(turns->fd, "child", 5, MSG_NOSIGNAL), EBADFD);
	assert_fails(recv(turns->fd, &c, 1, MSG_DONTWAIT), EBADFD);
	return close(turns->fd);
}

/* The parent writes first: the child is refused, and its close ends nothing. */
static void parent_writes_first(void **state)
{
	struct link link;
	struct child_turns turns;
	char buf[16];
	pid_t pid;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	pid = child_turns_start(&turns, link.client, write_second);
	assert_int_equal(send(link.client, "parent", 6, 0), 6);
	child_give(turns.to_child);
	assert_int_equal(child_finish(pid), 0);
	assert_int_equal(send(link.client, "again", 5, 0), 5);
	assert_int_equal(recv(link.server, buf, 11, MSG_WAITALL), 11);
	assert_memory_equal(buf, "parentagain", 11);
	assert_fails(recv(link.server, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	child_turns_fini(&turns);
	link_close(&link);
}

/* The client's close must be a clean end for the server. */
static void close_and_expect_end(struct link *link)
{
	char c;

	link_drop(&link->client);
	assert_int_equal(recv(link->server, &c, 1, 0), 0);
	link_close(link);
}

static int do_nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int close_it(void *arg)
{
	return close(*(int *)arg);
}

static int exit_it(void *arg)
{
	(void)arg;
	exit(0);
}

/* A child that only closes, or ends in any way, leaves the parent's connection alone. */
static void child_drops(void **state)
{
	static int (*const drops[])(void *arg) = {do_nothing, close_it, exit_it};
	struct link link;
	char buf[8];

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	for (size_t i = 0; i < COUNT(drops); i++) {
		assert_int_equal(child_finish(child_start(drops[i], &link.client)), 0);
		assert_int_equal(send(link.client, "mine", 4, 0), 4);
		assert_int_equal(recv(link.server, buf, sizeof(buf), 0), 4);
		assert_int_equal(send(link.server, "yours", 5, 0), 5);
		assert_int_equal(recv(link.client, buf, sizeof(buf), 0), 5);
		assert_fails(recv(link.server, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	}
	close_and_expect_end(&link);
}

/* The parent closes first and the child never writes: the last one says close_notify. */
static void last_one_notifies(void **state)
{
	struct link link;
	struct child_turns turns;
	char buf[8];
	pid_t pid;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	child_turns_init(&turns, link.client);
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		child_take(turns.to_child);
		_exit(close(link.client));
	}
	link_drop(&link.client);
	assert_fails(recv(link.server, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	child_give(turns.to_child);
	assert_int_equal(child_finish(pid), 0);
	assert_int_equal(recv(link.server, buf, sizeof(buf), 0), 0);
	child_turns_fini(&turns);
	link_close(&link);
}

struct job {
	int fd;
	uint16_t port;
};

static int connect_child(void *arg)
{
	const struct job *job = arg;

	assert_ok(tls_connect(job->fd, AF_INET, job->port));
	assert_ok(send(job->fd, "inherited", 9, MSG_NOSIGNAL));
	return close(job->fd);
}

/* A socket made and set up by the parent, connected by the child. */
static void child_connects(void **state)
{
	struct native_peer peer;
	struct job job;
	pid_t pid;
	char *line;

	(void)state;
	peer_listen(&peer, "gnutls-peer", AF_INET, "good", "--mode", "sink", "--connections", "1",
		    NULL);
	job = (struct job){tls_socket(AF_INET, IPPROTO_TLS, "localhost"), peer.port};
	pid = child_start(connect_child, &job);
	assert_int_equal(child_finish(pid), 0);
	assert_ok(close(job.fd));
	line = proc_line(&peer.proc, "received 9 bytes");
	assert_non_null(strstr(line, "end=close_notify"));
	free(line);
	assert_int_equal(proc_finish(&peer.proc), 0);
}

enum { FORKERS = 2, FORKS = 200 };

static void *fork_often(void *fd)
{
	for (int i = 0; i < FORKS; i++) {
		pid_t pid;

		assert_ok(send(*(int *)fd, "x", 1, 0));
		pid = fork();
		if (pid == 0)
			_exit(0);
		assert_ok(pid);
		assert_int_equal(proc_reap(pid), 0);
	}
	return NULL;
}

/* What one fork has begun the other's must not end. */
static void threads_fork(void **state)
{
	static char data[FORKERS * FORKS];
	pthread_t threads[FORKERS];
	struct link link;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	for (int i = 0; i < FORKERS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, fork_often, (void *)&link.client), 0);
	assert_int_equal(recv(link.server, data, sizeof(data), MSG_WAITALL), sizeof(data));
	for (int i = 0; i < FORKERS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	link_close(&link);
}

static const struct CMUnitTest tests[] = {
	CASE(child_serves_at_once),
	CASE(child_serves_after_handshake),
	CASE(pre_fork),
	CASE(child_writes_first),
	CASE(parent_writes_first),
	CASE(child_drops),
	CASE(last_one_notifies),
	CASE(child_connects),
	/* Not with a sanitizer: */
	CASE(threads_fork),
};

int main(void)
{
	return compare_main("forking", NULL, 0, tests, COUNT(tests) - SANITIZED);
}
