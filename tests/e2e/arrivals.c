/* SPDX-License-Identifier: MIT */
/*
 * What every call that waits says, and the kernel's own beside it, by how the bytes
 * come: many records in a segment, one in many, half of one, an end, a reset. What is no
 * whole record yet is compared with a TCP connection to which nothing has come.
 */
#include "gate.h"
#include "look.h"
#include "proc.h"
#include "waiting.h"

#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <tlssock.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, SHORT_MS = 40 };

/* The server's bytes reach the client through a gate. */
struct path {
	struct gate gate;
	struct link link;
	int from, to;
	struct lane *lane;
};

static void path_open(struct path *p, const struct link *like)
{
	gate_link(&p->gate, &p->link, like->protocol, like->family);
	p->from = p->link.server;
	p->to = p->link.client;
	p->lane = &p->gate.down;
}

static void path_close(struct path *p)
{
	gate_close(&p->gate);
	link_close(&p->link);
}

/* Send, and hold it in the gate. */
static void say(struct path *p, const char *text)
{
	assert_int_equal(send(p->from, text, strlen(text), 0), strlen(text));
	gate_collect(p->lane, p->from);
}

static void pass_all(struct path *p)
{
	gate_pass(p->lane, p->lane->length, p->to);
}

/* The first n bytes of a record that is not whole then; on TCP nothing. */
static void pass_part(struct path *p, size_t n)
{
	if (p->link.protocol == IPPROTO_TLS)
		gate_pass(p->lane, n, p->to);
}

static void note_recv(struct trace *t, int fd, size_t n)
{
	char buf[64];

	trace_bytes(t, buf, CALL(t, recv(fd, buf, n, MSG_DONTWAIT)));
}

static void byte_at_a_time(struct link *l, struct trace *t)
{
	look(t, l->server);
	CALL(t, send(l->client, "abcdef", 6, 0));
	CALL(t, poll(&(struct pollfd){.fd = l->server, .events = POLLIN}, 1, PATIENCE_MS));
	for (int i = 0; i < 6; i++) {
		look(t, l->server);
		note_recv(t, l->server, 1);
	}
	look(t, l->server);
	note_recv(t, l->server, 1);
}

/* 1,000 records in one segment, read in pieces that never fit them. */
static void thousand_in_a_segment(struct link *l, struct trace *t)
{
	struct path p;
	char buf[7];
	int left = 0;

	path_open(&p, l);
	for (int i = 0; i < 1000; i++)
		left += (int)assert_ok(send(p.from, "xyz", 1 + (size_t)i % 3, 0));
	gate_collect(p.lane, p.from);
	look(t, p.to);
	pass_all(&p);
	look(t, p.to);
	for (int i = 0; left > 0; i++) {
		assert_true(look_readable(p.to, i % 2));
		assert_true(look_readable(p.to, !(i % 2)));
		left -= (int)assert_ok(recv(p.to, buf, 1 + (size_t)i % sizeof(buf), MSG_DONTWAIT));
	}
	assert_int_equal(left, 0);
	look(t, p.to);
	note_recv(t, p.to, 1);
	path_close(&p);
}

/* What is told is what is told of a connection to which nothing has come. */
static void assert_silent(int fd, const struct trace *nothing, void (*look_at)(struct trace *, int))
{
	static struct trace now;

	now = (struct trace){0};
	look_at(&now, fd);
	assert_string_equal(now.text, nothing->text);
}

/* The calls first: after them the kernel knows, too. */
static void one_byte_segments(struct link *l, struct trace *t)
{
	static struct trace calls, kernel;
	struct path p;

	path_open(&p, l);
	calls = kernel = (struct trace){0};
	look_hooked(&calls, p.to);
	look_raw(&kernel, p.to);
	trace_note(t, "%s%s", calls.text, kernel.text);
	say(&p, "whole");
	while (p.link.protocol == IPPROTO_TLS && p.lane->length > 1) {
		pass_part(&p, 1);
		if (p.lane->length % 2 == 0)
			assert_silent(p.to, &calls, look_hooked);
		else
			assert_fails(recv(p.to, (char[8]){0}, 8, MSG_DONTWAIT), EAGAIN);
		assert_silent(p.to, &kernel, look_raw);
	}
	pass_all(&p);
	look(t, p.to);
	note_recv(t, p.to, 2);
	look(t, p.to);
	note_recv(t, p.to, 8);
	look(t, p.to);
	path_close(&p);
}

static void note_time(struct trace *t, int64_t start_ms)
{
	int64_t ms = test_now_ms() - start_ms;

	trace_note(t, "time %d\n", ms >= SHORT_MS - 1 && ms < PATIENCE_MS / 2);
}

/* Each way of waiting waits out its time, as if nothing had come. */
static void half_then_silence(struct link *l, struct trace *t)
{
	const struct timeval timeout = {0, SHORT_MS * 1000};
	struct epoll_event event;
	struct path p;
	int epfd = (int)assert_ok(epoll_create1(0));
	int64_t start_ms;

	path_open(&p, l);
	assert_ok(look_ctl(false, epfd, EPOLL_CTL_ADD, p.to, EPOLLIN | EPOLLRDHUP));
	for (int way = 0; way < 5; way++) {
		struct pollfd fd = {.fd = p.to, .events = POLLIN};
		struct timeval left = timeout;
		fd_set set;

		FD_ZERO(&set);
		FD_SET(p.to, &set);
		say(&p, "a record in halves");
		pass_part(&p, p.lane->length / 2);
		start_ms = test_now_ms();
		if (way == 0)
			CALL(t, poll(&fd, 1, SHORT_MS));
		else if (way == 1)
			CALL(t, epoll_wait(epfd, &event, 1, SHORT_MS));
		else if (way == 2)
			CALL(t, select(p.to + 1, &set, NULL, NULL, &left));
		else if (way == 3)
			assert_ok(setsockopt(p.to, SOL_SOCKET, SO_RCVTIMEO, &timeout,
					     sizeof(timeout)));
		if (way == 3)
			CALL(t, recv(p.to, (char[8]){0}, 8, 0));
		if (way < 4)
			note_time(t, start_ms);
		else
			note_recv(t, p.to, 40);
		look_raw(t, p.to);
		pass_all(&p);
		CALL(t, poll(&fd, 1, PATIENCE_MS));
		CALL(t, epoll_wait(epfd, &event, 1, PATIENCE_MS));
		look(t, p.to);
		note_recv(t, p.to, 40);
	}
	close(epfd);
	path_close(&p);
}

/* A record and half of the next in a segment. */
static void one_and_a_half(struct link *l, struct trace *t)
{
	struct path p;
	size_t first;

	path_open(&p, l);
	say(&p, "first");
	first = p.lane->length;
	say(&p, "second");
	if (p.link.protocol == IPPROTO_TLS)
		first += (p.lane->length - first) / 2;
	gate_pass(p.lane, first, p.to);
	look(t, p.to);
	note_recv(t, p.to, 3);
	look(t, p.to);
	/* Less than is asked for, and all that there is. */
	note_recv(t, p.to, 40);
	look_raw(t, p.to);
	look_hooked(t, p.to);
	note_recv(t, p.to, 40);
	pass_all(&p);
	look(t, p.to);
	note_recv(t, p.to, 40);
	look(t, p.to);
	path_close(&p);
}

/* close_notify without FIN; FIN on TCP. */
static void pass_close_notify(struct path *p)
{
	assert_ok(shutdown(p->from, SHUT_WR));
	if (p->link.protocol == IPPROTO_TLS)
		gate_pass(p->lane, gate_record(p->lane), p->to);
	else
		gate_pass_end(p->lane, p->to);
}

static void close_notify_only(struct link *l, struct trace *t)
{
	struct path p;

	path_open(&p, l);
	pass_close_notify(&p);
	CALL(t, look_readable(p.to, true));
	CALL(t, look_readable(p.to, false));
	look(t, p.to);
	note_recv(t, p.to, 8);
	look(t, p.to);
	note_recv(t, p.to, 8);
	CALL(t, send(p.to, "still", 5, 0));
	look(t, p.to);
	path_close(&p);
}

static void close_notify_behind_data(struct link *l, struct trace *t)
{
	struct path p;

	path_open(&p, l);
	say(&p, "last words");
	pass_all(&p);
	pass_close_notify(&p);
	CALL(t, look_readable(p.to, true));
	CALL(t, look_readable(p.to, false));
	note_recv(t, p.to, 4);
	CALL(t, look_readable(p.to, true));
	CALL(t, look_readable(p.to, false));
	note_recv(t, p.to, 6);
	CALL(t, look_readable(p.to, true));
	CALL(t, look_readable(p.to, false));
	note_recv(t, p.to, 6);
	look(t, p.to);
	note_recv(t, p.to, 6);
	path_close(&p);
}

/* FIN alone is an end where truncation is allowed; else it is ECONNRESET. */
static void fin_only(struct link *l, struct trace *t)
{
	struct path p;

	path_open(&p, l);
	if (p.link.protocol == IPPROTO_TLS)
		tls_set_int(p.to, TLS_ALLOW_TRUNCATION, 1);
	say(&p, "cut");
	pass_all(&p);
	gate_pass_end(p.lane, p.to);
	look(t, p.to);
	note_recv(t, p.to, 2);
	look(t, p.to);
	note_recv(t, p.to, 8);
	look(t, p.to);
	note_recv(t, p.to, 8);
	look(t, p.to);
	path_close(&p);
}

/*
 * The calls take the error from the kernel to tell it themselves: its own POLLERR goes
 * with that, not the rest. After it was told TCP forgets it, a TLS socket does not.
 */
static void reset_only(struct link *l, struct trace *t)
{
	struct path p;

	path_open(&p, l);
	gate_reset(&p.gate, p.to);
	look_raw(t, p.to);
	look_hooked(t, p.to);
	look_hooked(t, p.to);
	CALL(t, look_readable(p.to, true));
	note_recv(t, p.to, 8);
	path_close(&p);
}

static void reset_behind_data(struct link *l, struct trace *t)
{
	struct path p;
	int error = 0;
	socklen_t len = sizeof(error);

	path_open(&p, l);
	say(&p, "last words");
	pass_all(&p);
	note_recv(t, p.to, 2);
	gate_reset(&p.gate, p.to);
	look_raw(t, p.to);
	CALL(t, look_readable(p.to, false));
	CALL(t, getsockopt(p.to, SOL_SOCKET, SO_ERROR, &error, &len));
	trace_note(t, "%d\n", error);
	look(t, p.to);
	path_close(&p);
}

static const struct compare_case cases[] = {
	{"a record a byte at a time", byte_at_a_time},
	{"1,000 records in a segment", thousand_in_a_segment},
	{"a record in segments of a byte", one_byte_segments},
	{"half a record, then silence", half_then_silence},
	{"a record and a half", one_and_a_half},
	{"close_notify only", close_notify_only},
	{"close_notify behind data", close_notify_behind_data},
	{"FIN only, allowed", fin_only},
	{"RST only", reset_only},
	{"RST behind data", reset_behind_data},
};

int main(void)
{
	return compare_main("arrivals", cases, COUNT(cases), NULL, 0);
}
