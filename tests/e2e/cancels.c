/* SPDX-License-Identifier: MIT */
/* Threads cancelled in the calls of a socket, which others go on with. */
#include "trace.h"
#include "waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <tlssock.h>
#include <unistd.h>

static ssize_t wait_in_read(struct waiting *w)
{
	return read(w->fd, w->buf, sizeof(w->buf));
}

static ssize_t wait_in_recvmsg(struct waiting *w)
{
	struct iovec iov = {w->buf, sizeof(w->buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	return recvmsg(w->fd, &msg, 0);
}

static ssize_t wait_in_poll(struct waiting *w)
{
	return poll(&(struct pollfd){.fd = w->fd, .events = POLLIN}, 1, -1);
}

static ssize_t wait_in_select(struct waiting *w)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(w->fd, &set);
	return select(w->fd + 1, &set, NULL, NULL, NULL);
}

static ssize_t wait_in_send(struct waiting *w)
{
	static char much[1 << 16];
	ssize_t n;

	do
		n = send(w->fd, much, sizeof(much), 0);
	while (n > 0);
	return n;
}

static int ends[2];

static ssize_t wait_in_splice(struct waiting *w)
{
	return splice(w->fd, NULL, ends[1], NULL, sizeof(w->buf), 0);
}

static ssize_t wait_for_pipe(struct waiting *w)
{
	return splice(ends[0], NULL, w->fd, NULL, sizeof(w->buf), 0);
}

static void cancel(struct waiting *w)
{
	void *result;

	assert_int_equal(pthread_cancel(w->thread), 0);
	assert_int_equal(pthread_join(w->thread, &result), 0);
	assert_ptr_equal(result, PTHREAD_CANCELED);
}

/* Others go on with the connection: all that was sent is whole, and neither end is stuck. */
static void goes_on(struct link *link)
{
	static char buf[1 << 16];
	ssize_t n;

	do
		n = recv(link->server, buf, sizeof(buf), MSG_DONTWAIT);
	while (n > 0);
	assert_int_equal(n < 0 ? errno : 0, EAGAIN);
	/* What was sealed and not sent goes first. */
	assert_int_equal(send(link->client, "e", 1, 0), 1);
	do
		n = (ssize_t)assert_ok(recv(link->server, buf, sizeof(buf), 0));
	while (buf[n - 1] != 'e');
	assert_int_equal(send(link->server, "back", 4, 0), 4);
	assert_int_equal(recv(link->client, buf, 4, MSG_WAITALL), 4);
}

static void cancelled(int protocol)
{
	static waiting_call *const calls[] = {wait_in_read,   wait_in_recvmsg, wait_in_poll,
					      wait_in_select, wait_in_send,    wait_in_splice,
					      wait_for_pipe};
	struct waiting w;
	struct link link;

	link_open(&link, protocol, AF_INET);
	assert_ok(pipe(ends));
	for (size_t i = 0; i < 4 * COUNT(calls); i++) {
		waiting_start_in(&w, link.client, calls[i % COUNT(calls)]);
		cancel(&w);
		goes_on(&link);
	}
	close(ends[0]);
	close(ends[1]);
	link_close(&link);
}

static void cancelled_in_waits(void **state)
{
	(void)state;
	cancelled(IPPROTO_TCP);
	cancelled(IPPROTO_TLS);
}

static ssize_t wait_in_sendfile(struct waiting *w)
{
	return sendfile(ends[1], w->fd, NULL, 1);
}

/* It is no cancellation point of libc's. */
static void not_cancelled(int protocol)
{
	struct waiting w;
	struct link link;
	void *result;

	link_open(&link, protocol, AF_INET);
	assert_ok(pipe(ends));
	waiting_start_in(&w, link.client, wait_in_sendfile);
	assert_int_equal(pthread_cancel(w.thread), 0);
	assert_int_equal(send(link.server, "x", 1, 0), 1);
	assert_int_equal(pthread_join(w.thread, &result), 0);
	assert_null(result);
	assert_int_equal(w.result, 1);
	close(ends[0]);
	close(ends[1]);
	link_close(&link);
}

static void not_cancelled_in_sendfile(void **state)
{
	(void)state;
	not_cancelled(IPPROTO_TCP);
	not_cancelled(IPPROTO_TLS);
}

static ssize_t wait_in_accept(struct waiting *w)
{
	return accept(w->fd, NULL, NULL);
}

static uint16_t silent_port;

static ssize_t wait_in_connect(struct waiting *w)
{
	return tls_connect(w->fd, AF_INET, silent_port);
}

static void cancelled_in_handshakes(void **state)
{
	struct waiting w;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port);
	int silent = net_listen(AF_INET, &silent_port), fd, client;

	(void)state;
	waiting_start_in(&w, listener, wait_in_accept);
	cancel(&w);
	fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	waiting_start_in(&w, fd, wait_in_connect);
	cancel(&w);
	assert_int_equal(tls_get_int(fd, TLS_WANT), POLLIN);
	assert_ok(close(fd));
	/* A handshake that another thread can go on with. */
	client = net_connect(AF_INET, port);
	assert_int_equal(send(client, "\x16", 1, 0), 1);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	waiting_start_in(&w, fd, wait_in_read);
	cancel(&w);
	close(client);
	assert_fails(recv(fd, w.buf, 1, 0), EPROTO);
	close(fd);
	close(silent);
	close(listener);
}

static int set;

static ssize_t wait_in_epoll(struct waiting *w)
{
	struct epoll_event event;

	(void)w;
	return epoll_wait(set, &event, 1, -1);
}

/* These step the handshake themselves: it goes on in whatever thread is next. */
static void cancelled_between_flights(void **state)
{
	static waiting_call *const calls[] = {wait_in_poll, wait_in_select, wait_in_epoll};
	struct waiting w;
	struct link link;

	(void)state;
	for (size_t i = 0; i < COUNT(calls); i++) {
		link_half_open(&link, AF_INET);
		set = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
		net_epoll(set, EPOLL_CTL_ADD, link.server, EPOLLIN, 0);
		for (int k = 0; k < 5; k++) {
			waiting_start_in(&w, link.server, calls[i]);
			cancel(&w);
		}
		link_finish(&link);
		goes_on(&link);
		close(set);
		link_close(&link);
	}
}

static void *cancelled_before(void *arg)
{
	static char c;

	pthread_cancel(pthread_self());
	(void)!recv(*(int *)arg, &c, 1, 0);
	return NULL;
}

/* A call that need not wait is a cancellation point, too, and takes nothing. */
static void cancelled_at_once(int protocol)
{
	struct link link;
	pthread_t thread;
	void *result;
	char c;

	link_open(&link, protocol, AF_INET);
	assert_int_equal(send(link.client, "x", 1, 0), 1);
	assert_int_equal(pthread_create(&thread, NULL, cancelled_before, &link.server), 0);
	pthread_join(thread, &result);
	assert_ptr_equal(result, PTHREAD_CANCELED);
	assert_int_equal(recv(link.server, &c, 1, 0), 1);
	link_close(&link);
}

static void cancelled_with_data(void **state)
{
	(void)state;
	cancelled_at_once(IPPROTO_TCP);
	cancelled_at_once(IPPROTO_TLS);
}

static ssize_t wait_in_close(struct waiting *w)
{
	return close(w->fd);
}

/* Sends all that the kernel takes. Returns how much. */
static long fill(int fd)
{
	static char buf[1 << 16];
	long sent = 0;
	ssize_t n;

	while ((n = send(fd, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		sent += n;
	return sent;
}

static void assert_all_comes(int fd, long sent)
{
	static char buf[1 << 16];
	ssize_t n;

	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0)
		sent -= n;
	assert_int_equal(n, 0);
	assert_int_equal(sent, 0);
}

/* SO_LINGER's wait: the number is free, and nothing is lost but the waiting. */
static void cancelled_in_close(void **state)
{
	const struct linger on = {.l_onoff = 1, .l_linger = 30};
	struct waiting w;
	struct link link;
	long sent;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_ok(setsockopt(link.client, SOL_SOCKET, SO_LINGER, &on, sizeof(on)));
	sent = fill(link.client);
	waiting_start_in(&w, link.client, wait_in_close);
	cancel(&w);
	assert_fails(fcntl(link.client, F_GETFD), EBADF);
	link.client = -1;
	assert_all_comes(link.server, sent);
	link_close(&link);
}

/* The kernel's own wait would be no place for it, neither here nor where it lingers. */
static void no_wait_in_the_kernel(void **state)
{
	const struct linger on = {.l_onoff = 1, .l_linger = 3600};
	struct link links[2];
	long sent[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		link_open(&links[i], IPPROTO_TLS, AF_INET);
		assert_ok(shutdown(links[i].server, SHUT_WR));
		assert_int_equal(recv(links[i].client, (char[1]){0}, 1, 0), 0);
		assert_ok(setsockopt(links[i].client, SOL_SOCKET, SO_LINGER, &on, sizeof(on)));
		sent[i] = fill(links[i].client);
	}
	for (int i = 0; i < 2; i++)
		link_drop(&links[i].client);
	for (int i = 0; i < 2; i++) {
		assert_all_comes(links[i].server, sent[i]);
		link_close(&links[i]);
	}
}

static const struct CMUnitTest tests[] = {
	CASE(cancelled_in_waits),	 CASE(not_cancelled_in_sendfile),
	CASE(cancelled_in_handshakes),	 CASE(cancelled_with_data),
	CASE(cancelled_in_close),	 CASE(no_wait_in_the_kernel),
	CASE(cancelled_between_flights),

};

int main(void)
{
	return compare_main("cancels", NULL, 0, tests, COUNT(tests));
}
