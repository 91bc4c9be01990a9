/* SPDX-License-Identifier: MIT */
/*
 * Sets with more than one socket, and more than one set or thread: each answer beside
 * the kernel's own.
 */
#include "look.h"
#include "proc.h"
#include "waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <tlssock.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000 };

static void send_and_arrive(int from, int to)
{
	struct pollfd p = {.fd = to, .events = POLLIN};

	assert_int_equal(send(from, "abc", 3, 0), 3);
	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
}

static int set_of(bool raw, int fd, uint32_t events)
{
	int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));

	assert_ok(look_ctl(raw, epfd, EPOLL_CTL_ADD, fd, events));
	return epfd;
}

/* What a set has; each asks for itself, so that neither takes the other's. */
static void note_set(struct trace *t, bool raw, int epfd)
{
	struct epoll_event event = {0};
	int n = look_wait(raw, epfd, &event, 1, 0);

	trace_note(t, "%d:%x ", n, event.events);
}

/* Of both kinds of calls, filled and asked. */
static void each_kind(struct link *l, struct trace *t,
		      void (*run)(struct link *l, struct trace *t, bool filled, bool asked))
{
	for (int i = 0; i < 4; i++) {
		run(l, t, i & 1, i & 2);
		trace_note(t, "\n");
	}
}

static void one_shot_kinds(struct link *l, struct trace *t, bool filled, bool asked)
{
	int epfd = set_of(filled, l->server, EPOLLIN | EPOLLONESHOT | EPOLLRDHUP);
	char buf[8];

	note_set(t, asked, epfd);
	send_and_arrive(l->client, l->server);
	note_set(t, asked, epfd);
	note_set(t, asked, epfd);
	CALL(t, recv(l->server, buf, 1, 0));
	assert_ok(look_ctl(filled, epfd, EPOLL_CTL_MOD, l->server, EPOLLIN | EPOLLONESHOT));
	note_set(t, asked, epfd);
	CALL(t, recv(l->server, buf, 8, 0));
	note_set(t, asked, epfd);
	assert_ok(look_ctl(filled, epfd, EPOLL_CTL_MOD, l->server, EPOLLIN | EPOLLONESHOT));
	note_set(t, asked, epfd);
	close(epfd);
}

static void one_shot(struct link *l, struct trace *t)
{
	each_kind(l, t, one_shot_kinds);
}

/* Two exclusive registrations and one that is not. */
static void exclusive_kinds(struct link *l, struct trace *t, bool filled, bool asked)
{
	int sets[3] = {set_of(filled, l->server, EPOLLIN | EPOLLEXCLUSIVE),
		       set_of(filled, l->server, EPOLLIN | EPOLLEXCLUSIVE | EPOLLET),
		       set_of(filled, l->server, EPOLLIN)};

	for (int round = 0; round < 2; round++) {
		send_and_arrive(l->client, l->server);
		for (size_t i = 0; i < COUNT(sets); i++)
			note_set(t, asked, sets[i]);
		for (size_t i = 0; i < COUNT(sets); i++)
			note_set(t, asked, sets[i]);
		CALL(t, recv(l->server, (char[8]){0}, 8, 0));
		for (size_t i = 0; i < COUNT(sets); i++)
			note_set(t, asked, sets[i]);
	}
	CALL(t, look_ctl(filled, sets[0], EPOLL_CTL_MOD, l->server, EPOLLIN));
	for (size_t i = 0; i < COUNT(sets); i++)
		close(sets[i]);
}

static void exclusive(struct link *l, struct trace *t)
{
	each_kind(l, t, exclusive_kinds);
}

/* A set in a set in a set; and the outermost in poll and select. */
static void nested_kinds(struct link *l, struct trace *t, bool filled, bool asked)
{
	int inner = set_of(filled, l->server, EPOLLIN), middle = set_of(filled, inner, EPOLLIN);
	int outer = set_of(filled, middle, EPOLLIN | EPOLLET);

	for (int round = 0; round < 2; round++) {
		CALL(t, look_readable(outer, asked));
		send_and_arrive(l->client, l->server);
		CALL(t, look_readable(outer, asked));
		CALL(t, look_readable(inner, asked));
		note_set(t, asked, outer);
		note_set(t, asked, middle);
		note_set(t, asked, inner);
		note_set(t, asked, outer);
		CALL(t, recv(l->server, (char[8]){0}, 8, 0));
		note_set(t, asked, inner);
		note_set(t, asked, middle);
		CALL(t, look_readable(outer, asked));
	}
	close(outer);
	close(middle);
	close(inner);
}

static void nested(struct link *l, struct trace *t)
{
	each_kind(l, t, nested_kinds);
}

/* Two threads wait in one set for one socket. */
struct sleeper {
	struct waiting waiting;
	int epfd;
	bool raw;
	atomic_int *told;
};

static ssize_t sleep_in_set(struct waiting *waiting)
{
	const struct sleeper *s = (const struct sleeper *)waiting;
	struct epoll_event event;
	int n = look_wait(s->raw, s->epfd, &event, 1, PATIENCE_MS);

	(*s->told)++;
	return n;
}

/* Each edge is told to one of them; two are not always told apart, so they come until both know. */
static void two_threads_kinds(struct link *l, struct trace *t, bool filled, bool asked)
{
	int epfd = set_of(filled, l->server, EPOLLIN | EPOLLET);
	struct sleeper sleepers[2];
	atomic_int told = 0;

	for (int i = 0; i < 2; i++) {
		sleepers[i] = (struct sleeper){.epfd = epfd, .raw = asked, .told = &told};
		waiting_start_in(&sleepers[i].waiting, epfd, sleep_in_set);
	}
	while (told < 2) {
		assert_int_equal(send(l->client, "abc", 3, 0), 3);
		poll(NULL, 0, 1);
	}
	for (int i = 0; i < 2; i++) {
		waiting_finish(&sleepers[i].waiting);
		trace_note(t, "told %zd\n", sleepers[i].waiting.result);
	}
	while (look_readable(l->server, false))
		assert_ok(recv(l->server, (char[8]){0}, 8, 0));
	close(epfd);
}

static void two_threads(struct link *l, struct trace *t)
{
	each_kind(l, t, two_threads_kinds);
}

/* One socket between 100 pipes, some of them with something in them. */
static void among_plain(struct link *l, struct trace *t)
{
	struct pollfd fds[101], raw[101];
	int pipes[100][2];

	for (int i = 0; i < 101; i++) {
		int at = i > 50 ? i - 1 : i;

		if (i != 50) {
			assert_ok(pipe2(pipes[at], O_CLOEXEC));
			if (at % 7 == 0)
				assert_int_equal(write(pipes[at][1], "p", 1), 1);
		}
		fds[i].fd = i == 50 ? l->server : pipes[at][0];
		fds[i].events = POLLIN;
	}
	for (int round = 0; round < 3; round++) {
		if (round == 1)
			send_and_arrive(l->client, l->server);
		memcpy(raw, fds, sizeof(raw));
		NAMED(t, "kernel's poll", syscall(SYS_poll, raw, 101, PATIENCE_MS));
		CALL(t, poll(fds, 101, PATIENCE_MS));
		for (int i = 0; i < 101; i++)
			trace_note(t, "%x%x", (unsigned int)fds[i].revents,
				   (unsigned int)raw[i].revents);
		if (round == 1)
			CALL(t, recv(l->server, (char[8]){0}, 8, 0));
	}
	for (int i = 0; i < 100; i++) {
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
}

/* A pipe and a socket together: whichever comes first wakes. */
static void pipe_and_socket(struct link *l, struct trace *t)
{
	int ends[2], epfd;
	struct epoll_event events[2];

	assert_ok(pipe2(ends, O_CLOEXEC));
	epfd = set_of(false, ends[0], EPOLLIN);
	assert_ok(look_ctl(false, epfd, EPOLL_CTL_ADD, l->server, EPOLLIN));
	for (int round = 0; round < 4; round++) {
		struct pollfd fds[2] = {{.fd = ends[0], .events = POLLIN},
					{.fd = l->server, .events = POLLIN}};
		char byte;

		if (round != 1)
			assert_int_equal(write(ends[1], "p", 1), 1);
		if (round != 2)
			send_and_arrive(l->client, l->server);
		CALL(t, poll(fds, 2, PATIENCE_MS));
		trace_note(t, "%x %x\n", (unsigned int)fds[0].revents,
			   (unsigned int)fds[1].revents);
		CALL(t, syscall(SYS_poll, fds, 2, 0));
		CALL(t, epoll_wait(epfd, events, 2, PATIENCE_MS));
		CALL(t, syscall(SYS_epoll_wait, epfd, events, 2, 0));
		if (round != 1)
			CALL(t, read(ends[0], &byte, 1));
		if (round != 2)
			CALL(t, recv(l->server, (char[8]){0}, 8, 0));
		CALL(t, poll(fds, 2, 0));
	}
	close(epfd);
	close(ends[0]);
	close(ends[1]);
}

/* Sets longer than FD_SETSIZE, ours and the kernel's. */
static void select_high(struct link *l, struct trace *t)
{
	unsigned long bits[64], *set = bits;
	const int high = 3000, width = 8 * (int)sizeof(bits[0]);
	struct timeval none = {0, 0};

	CALL(t, dup2(l->server, high));
	for (int round = 0; round < 3; round++) {
		if (round == 1)
			send_and_arrive(l->client, l->server);
		for (int raw = 0; raw < 2; raw++) {
			memset(bits, 0, sizeof(bits));
			bits[high / width] |= 1UL << high % width;
			if (raw)
				CALL(t, syscall(SYS_select, high + 1, set, NULL, NULL, &none));
			else
				CALL(t, select(high + 1, (fd_set *)(void *)set, NULL, NULL, &none));
			trace_note(t, "%d\n", (bits[high / width] >> high % width & 1) != 0);
		}
		if (round == 1)
			CALL(t, recv(high, (char[8]){0}, 8, 0));
	}
	close(high);
}

static const struct compare_case cases[] = {
	{"one shot, hooked and raw", one_shot},
	{"exclusive, in three sets", exclusive},
	{"sets in sets", nested},
	{"two threads in one set", two_threads},
	{"one among 100 pipes", among_plain},
	{"a pipe and a socket", pipe_and_socket},
	{"select beyond FD_SETSIZE, and the kernel's", select_high},
};

/* This many connections in one poll and one set; one speaks at a time. */
static void many(void **state)
{
	size_t n = *(const size_t *)*state;
	struct link *links = calloc(n, sizeof(*links));
	struct pollfd *fds = calloc(n, sizeof(*fds)), *raw = calloc(n, sizeof(*raw));
	int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));

	for (size_t i = 0; i < n; i++) {
		link_open(&links[i], IPPROTO_TLS, i % 2 ? AF_INET : AF_INET6);
		fds[i] = raw[i] = (struct pollfd){.fd = links[i].server, .events = POLLIN};
		assert_ok(look_ctl(false, epfd, EPOLL_CTL_ADD, links[i].server, EPOLLIN));
	}
	for (size_t i = 0; i < n; i += 1 + n / 50) {
		struct epoll_event event;

		assert_int_equal(send(links[i].client, "abc", 3, 0), 3);
		assert_int_equal(poll(fds, n, PATIENCE_MS), 1);
		assert_int_equal(syscall(SYS_poll, raw, n, 0), 1);
		assert_int_equal(epoll_wait(epfd, &event, 1, PATIENCE_MS), 1);
		assert_int_equal(event.data.fd, links[i].server);
		assert_int_equal(fds[i].revents, POLLIN);
		assert_int_equal(raw[i].revents, POLLIN);
		assert_int_equal(recv(links[i].server, (char[8]){0}, 8, 0), 3);
		assert_int_equal(poll(fds, n, 0), 0);
		assert_int_equal(syscall(SYS_poll, raw, n, 0), 0);
		assert_int_equal(epoll_wait(epfd, &event, 1, 0), 0);
	}
	for (size_t i = 0; i < n; i++)
		link_close(&links[i]);
	close(epfd);
	free(links);
	free(fds);
	free(raw);
}

int main(void)
{
	static const size_t numbers[] = {1, 5, 23, 47, 200};
	static const char *const titles[] = {"1 connection", "5 connections", "23 connections",
					     "47 connections", "200 connections"};
	struct rlimit files = {4096, 4096};
	struct CMUnitTest tests[COUNT(numbers)];

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 4096) {
		files.rlim_cur = 4096;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	for (size_t i = 0; i < COUNT(numbers); i++)
		tests[i] = ROW_CASE(titles[i], many, ROW(numbers[i]));
	return compare_main("sets", cases, COUNT(cases), tests, COUNT(tests));
}
