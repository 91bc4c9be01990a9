/* SPDX-License-Identifier: MIT */
/* Waiting: timeouts, signals, other threads, and what poll says meanwhile. */
#include "proc.h"
#include "trace.h"
#include "waiting.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <tlssock.h>
#include <unistd.h>

/* Of 80: a kernel with 100 ticks a second counts the one that has begun. */
enum { LEAST_MS = 65 };

static void receive_timeout(struct link *l, struct trace *t)
{
	const struct timeval timeout = {0, 80000};
	struct timeval back;
	socklen_t length = sizeof(back);
	int64_t before;
	char c;

	CALL(t, setsockopt(l->server, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	CALL(t, getsockopt(l->server, SOL_SOCKET, SO_RCVTIMEO, &back, &length));
	trace_note(t, "%ld.%06ld\n", (long)back.tv_sec, (long)back.tv_usec);
	before = test_now_ms();
	CALL(t, recv(l->server, &c, 1, 0));
	trace_note(t, "waited %d\n", test_now_ms() - before >= LEAST_MS);
	CALL(t, send(l->client, "x", 1, 0));
	CALL(t, recv(l->server, &c, 1, 0));
}

static void send_timeout(struct link *l, struct trace *t)
{
	const struct timeval timeout = {0, 80000};
	static char block[1 << 16];
	struct timeval back;
	socklen_t length = sizeof(back);
	ssize_t sent;

	CALL(t, setsockopt(l->client, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)));
	CALL(t, getsockopt(l->client, SOL_SOCKET, SO_SNDTIMEO, &back, &length));
	trace_note(t, "%ld.%06ld\n", (long)back.tv_sec, (long)back.tv_usec);
	do {
		sent = send(l->client, block, sizeof(block), 0);
	} while (sent > 0);
	trace_note(t, "%zd %s\n", sent, strerrorname_np(errno));
}

static void note_waiting(struct waiting *w, struct trace *t)
{
	waiting_finish(w);
	trace_note(t, "recv = %zd %s\n", w->result, w->result < 0 ? strerrorname_np(w->error) : "");
}

static void woken_by_data(struct link *l, struct trace *t)
{
	struct waiting w;

	waiting_start(&w, l->server);
	CALL(t, send(l->client, "wake", 4, 0));
	note_waiting(&w, t);
}

/* One thread's recv blocks: another sends on the same socket all the same. */
static void send_beside_recv(struct link *l, struct trace *t)
{
	struct waiting w;
	char buf[8];

	waiting_start(&w, l->client);
	for (int i = 0; i < 3; i++) {
		CALL(t, send(l->client, "beside", 6, 0));
		trace_bytes(t, buf, CALL(t, recv(l->server, buf, 6, MSG_WAITALL)));
	}
	CALL(t, send(l->server, "end", 3, 0));
	note_waiting(&w, t);
}

static char much[1 << 20], all[1 << 20];

static ssize_t send_much(struct waiting *w)
{
	return send(w->fd, much, sizeof(much), 0);
}

/* One thread's send blocks, and will until its peer is read from: another receives. */
static void recv_beside_send(struct link *l, struct trace *t)
{
	struct waiting w;
	char buf[8];

	CALL(t, setsockopt(l->client, SOL_SOCKET, SO_SNDBUF, &(int){8192}, sizeof(int)));
	waiting_start_in(&w, l->client, send_much);
	for (int i = 0; i < 3; i++) {
		CALL(t, send(l->server, "beside", 6, 0));
		trace_bytes(t, buf, CALL(t, recv(l->client, buf, 6, 0)));
	}
	CALL(t, recv(l->server, all, sizeof(all), MSG_WAITALL));
	waiting_finish(&w);
	trace_note(t, "send = %zd\n", w.result);
}

static void woken_by_end(struct link *l, struct trace *t)
{
	struct waiting w;

	waiting_start(&w, l->server);
	link_drop(&l->client);
	note_waiting(&w, t);
}

static void woken_by_shutdown(struct link *l, struct trace *t)
{
	struct waiting w;

	waiting_start(&w, l->server);
	CALL(t, shutdown(l->server, SHUT_RD));
	note_waiting(&w, t);
	waiting_start(&w, l->client);
	CALL(t, shutdown(l->client, SHUT_RDWR));
	note_waiting(&w, t);
}

/* What send had said arrives, then the end; the other direction goes on. */
static void shut_under_send(struct link *l, struct trace *t, int how)
{
	struct waiting w;
	ssize_t n, arrived = 0;
	char buf[8];

	CALL(t, setsockopt(l->client, SOL_SOCKET, SO_SNDBUF, &(int){8192}, sizeof(int)));
	waiting_start_in(&w, l->client, send_much);
	CALL(t, shutdown(l->client, how));
	if (how == SHUT_RDWR)
		waiting_finish(&w);
	else
		CALL(t, send(l->server, "still", 5, 0));
	CALL(t, recv(l->client, buf, sizeof(buf), 0));
	if (how == SHUT_RDWR)
		link_drop(&l->client);
	while ((n = recv(l->server, all, sizeof(all), 0)) > 0)
		arrived += n;
	if (how != SHUT_RDWR)
		waiting_finish(&w);
	trace_note(t, "the end %zd; short %d, all there %d\n", n, w.result < (ssize_t)sizeof(much),
		   w.result == arrived);
	if (how != SHUT_RDWR)
		CALL(t, send(l->client, "late", 4, MSG_NOSIGNAL));
}

static void shut_write_under_send(struct link *l, struct trace *t)
{
	shut_under_send(l, t, SHUT_WR);
}

static void shut_both_under_send(struct link *l, struct trace *t)
{
	shut_under_send(l, t, SHUT_RDWR);
}

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
	(void)number;
	signals++;
}

static void interrupt(struct link *l, struct trace *t, int flags)
{
	struct sigaction old, action = {.sa_handler = on_signal, .sa_flags = flags};
	struct waiting w;
	int seen = signals;

	sigaction(SIGUSR1, &action, &old);
	waiting_start(&w, l->server);
	pthread_kill(w.thread, SIGUSR1);
	if (flags & SA_RESTART) {
		waiting_settle(&w);
		CALL(t, send(l->client, "after", 5, 0));
	}
	note_waiting(&w, t);
	trace_note(t, "signals %d\n", (int)(signals - seen));
	sigaction(SIGUSR1, &old, NULL);
}

static void interrupted(struct link *l, struct trace *t)
{
	interrupt(l, t, 0);
}

static void restarted(struct link *l, struct trace *t)
{
	interrupt(l, t, SA_RESTART);
}

/* With a timeout the kernel never restarts, SA_RESTART or not (signal(7)). */
static void not_restarted(struct link *l, struct trace *t)
{
	const struct timeval timeout = {20, 0};
	struct sigaction old, action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct waiting w;

	setsockopt(l->server, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	sigaction(SIGUSR1, &action, &old);
	waiting_start(&w, l->server);
	pthread_kill(w.thread, SIGUSR1);
	note_waiting(&w, t);
	sigaction(SIGUSR1, &old, NULL);
}

/* The hooked call and the kernel's own must say the same. */
static void note_poll(struct trace *t, int fd, short events)
{
	struct pollfd hooked = {.fd = fd, .events = events}, raw = hooked;

	int by_hook = poll(&hooked, 1, 0);
	long by_kernel = syscall(SYS_poll, &raw, 1, 0);

	trace_note(t, "poll = %d, %#x; kernel = %ld, %#x\n", by_hook, (unsigned int)hooked.revents,
		   by_kernel, (unsigned int)raw.revents);
}

static void readiness(struct link *l, struct trace *t)
{
	char buf[8];

	note_poll(t, l->server, POLLIN);
	note_poll(t, l->server, POLLIN | POLLOUT);
	CALL(t, send(l->client, "abcdef", 6, 0));
	note_poll(t, l->server, POLLIN);
	for (int i = 0; i < 6; i++) {
		trace_bytes(t, buf, CALL(t, recv(l->server, buf, 1, 0)));
		note_poll(t, l->server, POLLIN);
	}
	CALL(t, send(l->client, "peek", 4, 0));
	CALL(t, recv(l->server, buf, 2, MSG_PEEK));
	note_poll(t, l->server, POLLIN);
	CALL(t, recv(l->server, buf, 8, 0));
	note_poll(t, l->server, POLLIN);
	CALL(t, shutdown(l->client, SHUT_WR));
	note_poll(t, l->server, POLLIN | POLLOUT);
	CALL(t, recv(l->server, buf, 8, 0));
	note_poll(t, l->server, POLLIN);
}

static void many_records(struct link *l, struct trace *t)
{
	char buf[8];

	for (int i = 0; i < 300; i++)
		send(l->client, "1234567", 7, 0);
	for (int i = 0; i < 300; i++) {
		note_poll(t, l->server, POLLIN);
		recv(l->server, buf, 7, 0);
	}
	note_poll(t, l->server, POLLIN);
}

static void full_window(struct link *l, struct trace *t)
{
	static char block[1 << 16];

	note_poll(t, l->client, POLLOUT);
	while (send(l->client, block, sizeof(block), MSG_DONTWAIT) > 0)
		continue;
	trace_note(t, "%s\n", strerrorname_np(errno));
	note_poll(t, l->client, POLLOUT);
	while (recv(l->server, block, sizeof(block), MSG_DONTWAIT) > 0)
		continue;
	CALL(t, poll(&(struct pollfd){.fd = l->client, .events = POLLOUT}, 1, 10000));
	CALL(t, send(l->client, "x", 1, MSG_DONTWAIT));
}

static void listener_ready(struct link *l, struct trace *t)
{
	struct pollfd waiting = {.fd = l->listener, .events = POLLIN};
	struct connecting connecting;
	int client = tls_socket(l->family, l->protocol, "localhost"), server;

	note_poll(t, l->listener, POLLIN);
	connecting_start(&connecting, client, l->family, l->port);
	CALL(t, poll(&waiting, 1, 10000));
	note_poll(t, l->listener, POLLIN);
	server = accept(l->listener, NULL, NULL);
	note_poll(t, l->listener, POLLIN);
	CALL(t, send(server, "hi", 2, 0));
	CALL(t, connecting_finish(&connecting));
	close(client);
	close(server);
}

static const struct compare_case cases[] = {
	{"SO_RCVTIMEO", receive_timeout},
	{"SO_SNDTIMEO", send_timeout},
	{"recv woken by data", woken_by_data},
	{"send beside a blocked recv", send_beside_recv},
	{"recv beside a blocked send", recv_beside_send},
	{"recv woken by the end", woken_by_end},
	{"recv woken by shutdown", woken_by_shutdown},
	{"SHUT_WR under a send", shut_write_under_send},
	{"SHUT_RDWR under a send", shut_both_under_send},
	{"EINTR", interrupted},
	{"SA_RESTART", restarted},
	{"EINTR in spite of SA_RESTART with SO_RCVTIMEO", not_restarted},
	{"poll, ours and the kernel's", readiness},
	{"poll with 300 records waiting", many_records},
	{"poll with a full window", full_window},
	{"poll of a listener", listener_ready},
};

/* The written difference: TCP's recv would sleep on. */
static void closed_meanwhile(void **state)
{
	struct link link;
	struct waiting w;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	waiting_start(&w, link.server);
	link_drop(&link.server);
	waiting_finish(&w);
	assert_int_equal(w.result, -1);
	assert_int_equal(w.error, EINTR);
	link_close(&link);
}

static const struct CMUnitTest others[] = {CASE(closed_meanwhile)};

int main(void)
{
	return compare_main("blocking", cases, COUNT(cases), others, COUNT(others));
}
