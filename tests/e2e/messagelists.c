/* SPDX-License-Identifier: MIT */
/* Several messages in one call, and vectors with flags. */
#include "proc.h"
#include "settle.h"
#include "trace.h"
#include "waiting.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/uio.h>
#include <tlssock.h>
#include <unistd.h>

enum { MESSAGES = 6, LENGTH = 4 };

/* A list of messages, each with a buffer of its own. */
struct list {
	char bytes[MESSAGES][LENGTH];
	struct iovec iov[MESSAGES];
	struct mmsghdr v[MESSAGES];
};

static struct list *make_list(void)
{
	static struct list list;

	memset(&list, 0, sizeof(list));
	for (int i = 0; i < MESSAGES; i++) {
		memset(list.bytes[i], 'a' + i, LENGTH);
		list.iov[i] = (struct iovec){list.bytes[i], LENGTH};
		list.v[i] = (struct mmsghdr){{.msg_iov = &list.iov[i], .msg_iovlen = 1}, 99};
	}
	return &list;
}

static void note_list(struct trace *t, const struct list *list)
{
	for (int i = 0; i < MESSAGES; i++) {
		trace_note(t, "\t%u %x %zu", list->v[i].msg_len,
			   (unsigned int)list->v[i].msg_hdr.msg_flags,
			   list->v[i].msg_hdr.msg_controllen);
		trace_bytes(t, list->bytes[i], LENGTH);
	}
}

static void drain(struct link *l, struct trace *t)
{
	char buf[256];

	settle(l->client, l->server);
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), MSG_DONTWAIT)));
}

static void sends(struct link *l, struct trace *t)
{
	struct list *list = make_list();

	CALL(t, sendmmsg(l->client, list->v, MESSAGES, 0));
	note_list(t, list);
	drain(l, t);
	CALL(t, sendmmsg(l->client, list->v, 0, 0));
	list->iov[1].iov_len = 0;
	CALL(t, sendmmsg(l->client, list->v, 3, MSG_DONTWAIT | MSG_MORE));
	CALL(t, sendmmsg(l->client, list->v, 1, 0));
	note_list(t, list);
	drain(l, t);
	CALL(t, sendmmsg(l->client, list->v, 2, MSG_NOSIGNAL | (int)0x80000000));
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, sendmmsg(l->client, list->v, 2, MSG_NOSIGNAL));
}

/* An error in the middle ends the call, and nobody hears of it. */
static void send_errors(struct link *l, struct trace *t)
{
	struct list *list = make_list();

	list->v[2].msg_hdr.msg_iovlen = IOV_MAX + 1;
	CALL(t, sendmmsg(l->client, list->v, MESSAGES, 0));
	note_list(t, list);
	CALL(t, send(l->client, "on", 2, 0));
	CALL(t, sendmmsg(l->client, list->v + 2, 3, 0));
	drain(l, t);
}

/* No more than a vector may have; none left over. */
static void many(struct link *l, struct trace *t)
{
	static struct mmsghdr v[IOV_MAX + 5];
	static char got[IOV_MAX + 5];
	struct iovec iov = trace_text("m");

	for (size_t i = 0; i < COUNT(v); i++)
		v[i] = (struct mmsghdr){{.msg_iov = &iov, .msg_iovlen = 1}, 99};
	CALL(t, sendmmsg(l->client, v, COUNT(v), 0));
	trace_note(t, "\t%u %u\n", v[IOV_MAX - 1].msg_len, v[IOV_MAX].msg_len);
	settle(l->client, l->server);
	CALL(t, recv(l->server, got, sizeof(got), MSG_DONTWAIT));
}

/* A message that is sent in part is the last: its rest would come behind the next. */
static void short_send(struct link *l, struct trace *t)
{
	static char block[4 << 20];
	struct iovec iov[3] = {{block, sizeof(block)}, {block, 1}, {block, 1}};
	struct mmsghdr v[3] = {{{.msg_iov = &iov[0], .msg_iovlen = 1}, 0},
			       {{.msg_iov = &iov[1], .msg_iovlen = 1}, 99},
			       {{.msg_iov = &iov[2], .msg_iovlen = 1}, 99}};

	assert_ok(setsockopt(l->client, SOL_SOCKET, SO_SNDBUF, &(int){50000}, sizeof(int)));
	CALL(t, sendmmsg(l->client, v, 3, MSG_DONTWAIT));
	trace_note(t, "\tin part %d, then %u %u\n",
		   v[0].msg_len > 0 && v[0].msg_len < sizeof(block), v[1].msg_len, v[2].msg_len);
	settle_full(l->client, l->server);
	CALL(t, sendmmsg(l->client, v, 3, MSG_DONTWAIT));
}

static void receives(struct link *l, struct trace *t)
{
	struct timespec none = {0, 0}, hour = {3600, 0};
	struct list *list = make_list();

	CALL(t, recvmmsg(l->server, list->v, MESSAGES, MSG_DONTWAIT, NULL));
	CALL(t, send(l->client, "0123456789", 10, 0));
	settle(l->client, l->server);
	CALL(t, recvmmsg(l->server, list->v, MESSAGES, MSG_DONTWAIT, NULL));
	note_list(t, list);
	CALL(t, send(l->client, "0123456789", 10, 0));
	settle(l->client, l->server);
	CALL(t, recvmmsg(l->server, list->v, MESSAGES, MSG_WAITFORONE, NULL));
	note_list(t, list);
	CALL(t, send(l->client, "0123456789abcdefghij", 20, 0));
	CALL(t, recvmmsg(l->server, list->v, MESSAGES, MSG_WAITALL, &none));
	trace_note(t, "\t%ld %ld\n", none.tv_sec, none.tv_nsec);
	CALL(t, recvmmsg(l->server, list->v, 2, MSG_WAITALL, &hour));
	trace_note(t, "\t%d\n", hour.tv_sec == 3599 && hour.tv_nsec > 0);
	CALL(t, recvmmsg(l->server, list->v, 0, 0, &hour));
	CALL(t, shutdown(l->client, SHUT_WR));
	settle(l->client, l->server);
	CALL(t, recvmmsg(l->server, list->v, MESSAGES, 0, NULL));
	note_list(t, list);
}

static void receive_timeouts(struct link *l, struct trace *t)
{
	struct timespec bad[] = {{-1, 0}, {0, 1000000000}, {0, -1}}, late = {5, 0};
	const struct timeval timeout = {0, 20000};
	struct list *list = make_list();

	for (size_t i = 0; i < COUNT(bad); i++)
		CALL(t, recvmmsg(l->server, list->v, 2, MSG_DONTWAIT, &bad[i]));
	CALL(t, recvmmsg(l->server, list->v, 2, MSG_DONTWAIT, &late));
	trace_note(t, "\t%ld %ld\n", late.tv_sec, late.tv_nsec);
	/* The time is looked at after a message only: one that does not come is waited for. */
	CALL(t, setsockopt(l->server, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	CALL(t, recvmmsg(l->server, list->v, 2, 0, &late));
	CALL(t, send(l->client, "xy", 2, 0));
	CALL(t, recvmmsg(l->server, list->v, 2, 0, NULL));
	note_list(t, list);
}

/* An error after the first message is the next call's, once: which ever that is. */
static void receive_errors(struct link *l, struct trace *t)
{
	int error = -1;
	socklen_t length = sizeof(error);
	char buf[8];

	for (int next = 0; next < 5; next++) {
		struct list *list = make_list();

		CALL(t, send(l->client, "0123", 4, 0));
		settle(l->client, l->server);
		list->v[1].msg_hdr.msg_iovlen = IOV_MAX + 1;
		CALL(t, recvmmsg(l->server, list->v, MESSAGES, MSG_DONTWAIT, NULL));
		CALL(t, poll(&(struct pollfd){.fd = l->server, .events = POLLOUT}, 1, 0));
		if (next == 1)
			CALL(t, getsockopt(l->server, SOL_SOCKET, SO_ERROR, &error, &length));
		if (next == 2)
			CALL(t, send(l->server, "x", 1, 0));
		if (next == 3)
			CALL(t, recv(l->server, buf, sizeof(buf), 0));
		if (next == 4)
			CALL(t, send(l->client, "data", 4, 0));
		settle(l->client, l->server);
		if (next == 4)
			CALL(t, recv(l->server, buf, sizeof(buf), 0));
		trace_note(t, "\t%d\n", error);
		list->v[1].msg_hdr.msg_iovlen = 1;
		CALL(t, recvmmsg(l->server, list->v, MESSAGES, MSG_DONTWAIT, NULL));
		CALL(t, recvmmsg(l->server, list->v, MESSAGES, MSG_DONTWAIT, NULL));
	}
}

/* The peer's reset after a message: what came first is given first. */
static void receive_reset(struct link *l, struct trace *t)
{
	struct list *list = make_list();

	CALL(t, send(l->server, "unread", 6, 0));
	CALL(t, send(l->client, "0123", 4, 0));
	settle(l->client, l->server);
	settle(l->server, l->client);
	link_drop(&l->client);
	assert_int_equal(poll(&(struct pollfd){.fd = l->server}, 1, 10000), 1);
	CALL(t, recvmmsg(l->server, list->v, MESSAGES, MSG_DONTWAIT, NULL));
}

static void wake(int signal_number)
{
	(void)signal_number;
}

static ssize_t receive_two(struct waiting *w)
{
	static char bytes[2][2];
	struct iovec iov[2] = {{bytes[0], 2}, {bytes[1], 2}};
	struct mmsghdr v[2] = {{{.msg_iov = &iov[0], .msg_iovlen = 1}, 0},
			       {{.msg_iov = &iov[1], .msg_iovlen = 1}, 0}};

	return recvmmsg(w->fd, v, 2, 0, NULL);
}

static void interrupted(struct link *l, struct trace *t)
{
	struct sigaction handler = {.sa_handler = wake};
	struct waiting w;

	assert_ok(sigaction(SIGUSR1, &handler, NULL));
	waiting_start_in(&w, l->server, receive_two);
	pthread_kill(w.thread, SIGUSR1);
	waiting_finish(&w);
	trace_note(t, "alone: %zd %d\n", w.result, w.result < 0 ? w.error : 0);
	CALL(t, send(l->client, "xy", 2, 0));
	settle(l->client, l->server);
	waiting_start_in(&w, l->server, receive_two);
	pthread_kill(w.thread, SIGUSR1);
	waiting_finish(&w);
	trace_note(t, "after one: %zd %d\n", w.result, w.result < 0 ? w.error : 0);
}

/* readv and writev with each flag, known and unknown. */
static void vector_flags(struct link *l, struct trace *t)
{
	char byte = 'v';
	struct iovec iov = {&byte, 1};

	CALL(t, preadv2(l->server, &iov, 1, -1, RWF_NOWAIT));
	for (int i = 0; i < 16; i++) {
		CALL(t, pwritev2(l->client, &iov, 1, -1, 1 << i));
		settle(l->client, l->server);
		CALL(t, preadv2(l->server, &iov, 1, -1, 1 << i));
		CALL(t, preadv64v2(l->server, &iov, 1, -1, RWF_NOWAIT));
		CALL(t, preadv2(l->server, &iov, 0, -1, 1 << i));
	}
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, pwritev2(l->client, &iov, 1, -1, 0x100)); /* RWF_NOSIGNAL */
}

static void vector_offsets(struct link *l, struct trace *t)
{
	static const off_t offsets[] = {0, 1, -2, 1L << 40, LONG_MIN, LONG_MAX};
	char byte = 'v';
	struct iovec iov = {&byte, 1};
	volatile int too_many = IOV_MAX + 1;

	for (size_t i = 0; i < COUNT(offsets); i++) {
		CALL(t, pwritev2(l->client, &iov, 1, offsets[i], 0));
		CALL(t, preadv2(l->server, &iov, 1, offsets[i], RWF_NOWAIT));
		CALL(t, pwritev64v2(l->client, &iov, 1, offsets[i], 0x4000));
		CALL(t, preadv(l->server, &iov, 1, offsets[i]));
		CALL(t, pwritev(l->client, &iov, 1, offsets[i]));
		CALL(t, pread(l->server, &byte, 1, offsets[i]));
		CALL(t, pwrite(l->client, &byte, 1, offsets[i]));
	}
	CALL(t, preadv2(l->server, &iov, too_many, -1, RWF_NOWAIT));
	CALL(t, pwritev2(l->client, &iov, too_many, -1, 0));
	settle(l->client, l->server);
	CALL(t, recv(l->server, &byte, 1, MSG_DONTWAIT));
}

static const struct compare_case cases[] = {
	{"sendmmsg", sends},
	{"sendmmsg with an error in the middle", send_errors},
	{"sendmmsg of too many", many},
	{"sendmmsg, the first short", short_send},
	{"recvmmsg", receives},
	{"recvmmsg and time", receive_timeouts},
	{"recvmmsg with an error in the middle", receive_errors},
	{"recvmmsg and a reset", receive_reset},
	{"recvmmsg and a signal", interrupted},
	{"preadv2 and pwritev2", vector_flags},
	{"preadv2 and pwritev2 with an offset", vector_offsets},
};

int main(void)
{
	return compare_main("messagelists", cases, COUNT(cases), NULL, 0);
}
