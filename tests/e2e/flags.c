/* SPDX-License-Identifier: MIT */
/* The flags of send and recv against what TCP makes of them. */
#include "settle.h"
#include "trace.h"
#include "waiting.h"
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <tlssock.h>
#include <unistd.h>

static void peek(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, send(l->client, "hello", 5, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 2, MSG_PEEK)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), MSG_PEEK)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 3, 0)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT)));
	CALL(t, send(l->client, "more", 4, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 6, MSG_PEEK | MSG_WAITALL)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 6, MSG_WAITALL)));
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT));
}

/* Peeking at a buffer's worth more than once must not lose or repeat. */
static void peek_large(struct link *l, struct trace *t)
{
	static char sent[40000], got[40000];

	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = (char)(i * 7 / 3);
	CALL(t, send(l->client, sent, sizeof(sent), 0));
	CALL(t, recv(l->server, got, 30000, MSG_PEEK | MSG_WAITALL));
	trace_note(t, "same %d\n", memcmp(sent, got, 30000) == 0);
	memset(got, 0, sizeof(got));
	CALL(t, recv(l->server, got, 10, MSG_PEEK));
	CALL(t, recv(l->server, got, sizeof(got), MSG_WAITALL));
	trace_note(t, "same %d\n", memcmp(sent, got, sizeof(got)) == 0);
}

static void dont_wait(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, recv(l->server, buf, sizeof(buf), MSG_DONTWAIT));
	CALL(t, recv(l->client, buf, sizeof(buf), MSG_DONTWAIT | MSG_WAITALL));
	CALL(t, send(l->client, "hello", 5, MSG_DONTWAIT));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), MSG_DONTWAIT)));
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_DONTWAIT));
}

static void wait_all(struct link *l, struct trace *t)
{
	const struct timeval timeout = {0, 50000};
	char buf[16];

	CALL(t, send(l->client, "abc", 3, 0));
	CALL(t, send(l->client, "def", 3, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 6, MSG_WAITALL)));
	CALL(t, send(l->client, "gh", 2, 0));
	CALL(t, setsockopt(l->server, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 6, MSG_WAITALL)));
	CALL(t, recv(l->server, buf, 6, MSG_WAITALL));
	CALL(t, send(l->client, "end", 3, 0));
	CALL(t, shutdown(l->client, SHUT_WR));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 6, MSG_WAITALL)));
	CALL(t, recv(l->server, buf, 6, MSG_WAITALL));
}

/* On a stream, MSG_TRUNC throws away and counts. */
static void truncate_flag(struct link *l, struct trace *t)
{
	char buf[16] = "untouched";

	CALL(t, send(l->client, "0123456789", 10, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 4, MSG_TRUNC)));
	CALL(t, recv(l->server, NULL, 3, MSG_TRUNC));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
}

/* A peek that only counts, with less and more asked for than there is. */
static void truncate_and_peek(struct link *l, struct trace *t)
{
	char buf[40] = "untouched";

	for (int i = 0; i < 3; i++)
		CALL(t, send(l->client, "0123456789", 10, 0));
	settle(l->client, l->server);
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 25, MSG_TRUNC | MSG_PEEK)));
	CALL(t, recv(l->server, NULL, 100, MSG_TRUNC | MSG_PEEK | MSG_DONTWAIT));
	CALL(t, recv(l->server, NULL, 12, MSG_TRUNC | MSG_WAITALL));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), MSG_PEEK)));
	CALL(t, recv(l->server, NULL, 100, MSG_TRUNC));
	CALL(t, recv(l->server, buf, 1, MSG_TRUNC | MSG_DONTWAIT));
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, recv(l->server, buf, 1, MSG_TRUNC));
	CALL(t, recv(l->server, buf, 1, MSG_TRUNC | MSG_PEEK));
}

/* Each bit that has no meaning of its own for a stream. */
static void every_bit(struct link *l, struct trace *t)
{
	const unsigned int special =
		MSG_OOB | MSG_PEEK | MSG_TRUNC | MSG_WAITALL | MSG_ERRQUEUE | MSG_FASTOPEN;
	char buf[8];

	for (int bit = 0; bit < 32; bit++) {
		unsigned int flag = 1u << bit;

		if (flag & special)
			continue;
		trace_note(t, "%x\n", flag);
		CALL(t, send(l->client, "abc", 3, (int)flag));
		CALL(t, send(l->client, "d", 1, 0));
		settle(l->client, l->server);
		trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), (int)flag)));
	}
}

static void wake(int signal_number)
{
	(void)signal_number;
}

static ssize_t receive_whole(struct waiting *waiting)
{
	return recv(waiting->fd, waiting->buf, 6, MSG_WAITALL);
}

/* A part, where a signal ends the wait for the rest, which stays. */
static void wait_all_and_signal(struct link *l, struct trace *t)
{
	struct sigaction handler = {.sa_handler = wake};
	struct waiting w;

	assert_ok(sigaction(SIGUSR1, &handler, NULL));
	CALL(t, send(l->client, "ab", 2, 0));
	CALL(t, send(l->client, "cd", 2, 0));
	settle(l->client, l->server);
	waiting_start_in(&w, l->server, receive_whole);
	pthread_kill(w.thread, SIGUSR1);
	waiting_finish(&w);
	trace_note(t, "%zd\n", w.result);
	trace_bytes(t, w.buf, w.result);
	waiting_start_in(&w, l->server, receive_whole);
	pthread_kill(w.thread, SIGUSR1);
	waiting_finish(&w);
	trace_note(t, "%zd %d\n", w.result, w.error);
}

/* It comes in parts: all of it is waited for, with a time limit too, and what is more stays. */
static void wait_all_in_parts(struct link *l, struct trace *t)
{
	static const struct timeval limits[] = {{0, 0}, {20, 0}};
	static const char *const parts[] = {"ab", "cd", "efgh"};
	struct waiting w;
	char buf[4];

	for (size_t i = 0; i < COUNT(limits); i++) {
		CALL(t,
		     setsockopt(l->server, SOL_SOCKET, SO_RCVTIMEO, &limits[i], sizeof(limits[i])));
		waiting_start_in(&w, l->server, receive_whole);
		for (size_t k = 0; k < COUNT(parts); k++) {
			CALL(t, send(l->client, parts[k], strlen(parts[k]), 0));
			settle(l->client, l->server);
			waiting_settle(&w);
		}
		waiting_finish(&w);
		trace_note(t, "%zd\n", w.result);
		trace_bytes(t, w.buf, w.result);
		trace_bytes(t, buf, CALL(t, recv(l->server, buf, 4, 0)));
	}
}

static void more(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, send(l->client, "he", 2, MSG_MORE));
	CALL(t, send(l->client, "llo", 3, MSG_MORE));
	CALL(t, send(l->client, "!", 1, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 6, MSG_WAITALL)));
}

/* MSG_MORE may hold back, but not for ever: the end of the stream sends all. */
static void more_and_close(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, send(l->client, "held", 4, MSG_MORE));
	link_drop(&l->client);
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), MSG_WAITALL)));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
}

static void meaningless(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, send(l->client, "a", 1, MSG_CONFIRM | MSG_EOR | MSG_DONTROUTE));
	CALL(t, send(l->client, "b", 1, MSG_CMSG_CLOEXEC));
	trace_bytes(
		t, buf,
		CALL(t, recv(l->server, buf, 2, MSG_WAITALL | MSG_NOSIGNAL | MSG_CMSG_CLOEXEC)));
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_ERRQUEUE | MSG_DONTWAIT));
}

static void message_flags(struct link *l, struct trace *t)
{
	char buf[8];
	struct iovec in = {buf, sizeof(buf)}, out = trace_text("datadata");
	struct msghdr sent = {.msg_iov = &out, .msg_iovlen = 1};
	struct msghdr got = {.msg_iov = &in, .msg_iovlen = 1};

	CALL(t, sendmsg(l->client, &sent, MSG_NOSIGNAL));
	CALL(t, recvmsg(l->server, &got, MSG_PEEK));
	CALL(t, recvmsg(l->server, &got, MSG_WAITALL));
	trace_note(t, "flags %#x\n", got.msg_flags);
	CALL(t, recvmsg(l->server, &got, MSG_DONTWAIT));
}

/*
 * TLS has no urgent data: the one flag where TCP's answer is not ours. To ask
 * for some is what it is on TCP where none has come.
 */
static void urgent(void **state)
{
	struct link link;
	char c;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_fails(send(link.client, "u", 1, MSG_OOB), EOPNOTSUPP);
	assert_fails(recv(link.server, &c, 1, MSG_OOB | MSG_DONTWAIT), EINVAL);
	assert_ok(send(link.client, "v", 1, 0));
	assert_int_equal(recv(link.server, &c, 1, 0), 1);
	assert_int_equal(c, 'v');
	link_close(&link);
}

static const struct compare_case cases[] = {
	{"MSG_PEEK", peek},
	{"MSG_PEEK of more than a record", peek_large},
	{"MSG_DONTWAIT", dont_wait},
	{"MSG_WAITALL", wait_all},
	{"MSG_WAITALL in parts", wait_all_in_parts},
	{"MSG_TRUNC", truncate_flag},
	{"MSG_TRUNC with MSG_PEEK", truncate_and_peek},
	{"MSG_WAITALL and a signal", wait_all_and_signal},
	{"every bit", every_bit},
	{"MSG_MORE", more},
	{"MSG_MORE, then close", more_and_close},
	{"flags without a meaning here", meaningless},
	{"flags of sendmsg and recvmsg", message_flags},
};

static const struct CMUnitTest others[] = {CASE(urgent)};

int main(void)
{
	return compare_main("flags", cases, COUNT(cases), others, COUNT(others));
}
