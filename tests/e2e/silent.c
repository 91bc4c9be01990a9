/* SPDX-License-Identifier: MIT */
/*
 * Records without application data (tickets, key updates, empty ones): whoever waits
 * goes on waiting, and the kernel says so too once they were looked at. The peers are
 * other libraries', and a gate lets one record go on at a time.
 */
#include "gate.h"
#include "look.h"
#include "peer.h"
#include "proc.h"
#include "stream.h"
#include "waiting.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <tlssock.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, SHORT_MS = 40, BYTES = 11, DATA_RECORD = 5 + BYTES + 1 + 16 };

/* How the program waits. */
enum way { BY_POLL, BY_SELECT, BY_LEVEL, BY_EDGE, BY_ONESHOT, BY_RECV, BY_KERNEL, WAYS };

static const char *const way_names[WAYS] = {
	"poll", "select", "epoll", "an edge", "one shot", "recv", "the kernel's poll"};

struct silent {
	const char *title, *program, *tickets, *option, *value;
};

static const struct silent silents[] = {
	{"tickets of OpenSSL", "openssl-peer", "early", "--threads", NULL},
	{"late tickets of OpenSSL", "openssl-peer", "late", "--threads", NULL},
	{"late tickets of GnuTLS", "gnutls-peer", "late", "--threads", NULL},
	{"a key update of GnuTLS", "gnutls-peer", "never", "--key-update-every", "1"},
	{"a key update of OpenSSL", "openssl-peer", "never", "--key-update-every", "1"},
	{"an empty record", "gnutls-peer", "never", "--empty-every", "1"},
};

struct row {
	const struct silent *silent;
	enum way way;
	char title[96];
};

struct session {
	struct native_peer peer;
	struct gate gate;
	int fd, epfd;
	enum way way;
	struct waiting waiting;
};

static void shake_hands(struct session *s)
{
	while (setsockopt(s->fd, IPPROTO_TLS, TLS_HANDSHAKE, NULL, 0) < 0) {
		assert_int_equal(errno, EAGAIN);
		gate_move(&s->gate);
		poll(NULL, 0, 1);
	}
	assert_ok(fcntl(s->fd, F_SETFL, 0));
}

static void session_open(struct session *s, const struct row *row)
{
	const struct silent *silent = row->silent;
	char question[BYTES];
	uint16_t port;

	peer_listen(&s->peer, silent->program, AF_INET, "good", "--version", "1.3", "--mode",
		    "answer", "--bytes", "11", "--connections", "1", "--tickets", silent->tickets,
		    silent->option, silent->value, NULL);
	gate_listen(&s->gate, AF_INET, &port);
	s->fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	assert_ok(fcntl(s->fd, F_SETFL, O_NONBLOCK));
	assert_fails(tls_connect(s->fd, AF_INET, port), EINPROGRESS);
	gate_connect(&s->gate, AF_INET, s->peer.port);
	shake_hands(s);
	stream_fill(0, question, BYTES);
	assert_int_equal(send(s->fd, question, BYTES, 0), BYTES);
	gate_collect(&s->gate.up, s->fd);
	gate_pass(&s->gate.up, s->gate.up.length, -1);
	s->way = row->way;
	s->epfd = (int)assert_ok(epoll_create1(0));
}

static void session_close(struct session *s)
{
	/* What it sent back goes on: the peer waits for the end. */
	assert_ok(close(s->fd));
	while (!s->gate.up.ended)
		gate_move(&s->gate);
	assert_ok(shutdown(s->gate.far, SHUT_WR));
	assert_int_equal(proc_finish(&s->peer.proc), 0);
	gate_close(&s->gate);
	assert_ok(close(s->epfd));
}

static void begin_waiting(struct session *s)
{
	static const uint32_t masks[WAYS] = {[BY_LEVEL] = EPOLLIN,
					     [BY_EDGE] = EPOLLIN | EPOLLET,
					     [BY_ONESHOT] = EPOLLIN | EPOLLONESHOT};

	if (masks[s->way])
		assert_ok(look_ctl(false, s->epfd, EPOLL_CTL_ADD, s->fd, masks[s->way]));
	if (s->way == BY_RECV)
		waiting_start(&s->waiting, s->fd);
}

/* Does it come within the time? */
static bool comes(struct session *s, int timeout_ms)
{
	struct pollfd p = {.fd = s->fd, .events = POLLIN};
	struct timeval left = {timeout_ms / 1000, timeout_ms % 1000 * 1000};
	struct epoll_event event;
	fd_set set;

	FD_ZERO(&set);
	FD_SET(s->fd, &set);
	switch (s->way) {
	case BY_POLL:
		return poll(&p, 1, timeout_ms) == 1;
	case BY_SELECT:
		return select(s->fd + 1, &set, NULL, NULL, &left) == 1;
	case BY_KERNEL:
		return syscall(SYS_poll, &p, 1, timeout_ms) == 1;
	default:
		return epoll_wait(s->epfd, &event, 1, timeout_ms) == 1;
	}
}

/* It waits out its time, and not a wink less. */
static void stays_silent(struct session *s)
{
	int64_t start_ms = test_now_ms();

	if (s->way == BY_RECV) {
		waiting_settle(&s->waiting);
		return;
	}
	if (s->way == BY_KERNEL) {
		/* It knows when it was looked at, and the look found nothing. */
		assert_true(comes(s, PATIENCE_MS));
		assert_fails(recv(s->fd, (char[8]){0}, 8, MSG_DONTWAIT), EAGAIN);
	}
	start_ms = test_now_ms();
	assert_false(comes(s, SHORT_MS));
	assert_in_range(test_now_ms() - start_ms, SHORT_MS - 1, PATIENCE_MS);
	assert_false(look_readable(s->fd, true));
	assert_false(look_readable(s->fd, false));
	assert_fails(recv(s->fd, (char[8]){0}, 8, MSG_DONTWAIT), EAGAIN);
}

static void gets_data(struct session *s)
{
	char buf[BYTES + 1];

	if (s->way == BY_RECV) {
		waiting_finish(&s->waiting);
		assert_int_equal(s->waiting.result, BYTES);
		assert_int_equal(stream_mismatch(0, s->waiting.buf, BYTES), BYTES);
		return;
	}
	assert_true(comes(s, PATIENCE_MS));
	assert_true(look_readable(s->fd, true));
	assert_int_equal(recv(s->fd, buf, sizeof(buf), MSG_DONTWAIT), BYTES);
	assert_int_equal(stream_mismatch(0, buf, BYTES), BYTES);
	assert_false(look_readable(s->fd, true));
	assert_false(look_readable(s->fd, false));
}

static void waits(void **state)
{
	const struct row *row = *state;
	struct lane *lane;
	struct session s;
	size_t n;

	session_open(&s, row);
	lane = &s.gate.down;
	begin_waiting(&s);
	if (s.way == BY_EDGE)
		assert_false(comes(&s, 0));
	for (n = 0; gate_record(lane) != DATA_RECORD; n++) {
		gate_pass(lane, gate_record(lane), s.fd);
		stays_silent(&s);
	}
	assert_in_range(n, 1, 2);
	gate_pass(lane, DATA_RECORD, s.fd);
	gets_data(&s);
	session_close(&s);
}

/*
 * What the library relies on where it leaves records for the next call: to set SO_RCVLOWAT
 * is an event again for what is in the queue. The kernel's own calls, on TCP.
 */
static void test_kernel_tells_again(void **state)
{
	struct epoll_event event;
	struct link link;
	int epfd = (int)assert_ok(epoll_create1(0));

	(void)state;
	link_open(&link, IPPROTO_TCP, AF_INET);
	assert_ok(look_ctl(true, epfd, EPOLL_CTL_ADD, link.server, EPOLLIN | EPOLLET));
	assert_ok(send(link.client, "x", 1, 0));
	assert_int_equal(look_wait(true, epfd, &event, 1, PATIENCE_MS), 1);
	assert_int_equal(look_wait(true, epfd, &event, 1, 0), 0);
	assert_ok(setsockopt(link.server, SOL_SOCKET, SO_RCVLOWAT, &(int){1}, sizeof(int)));
	assert_int_equal(look_wait(true, epfd, &event, 1, 0), 1);
	assert_int_equal(look_wait(true, epfd, &event, 1, 0), 0);
	link_close(&link);
	assert_ok(close(epfd));
}

int main(void)
{
	static struct row rows[COUNT(silents) * WAYS];
	struct CMUnitTest tests[COUNT(rows) + 1];

	for (size_t i = 0; i < COUNT(rows); i++) {
		rows[i] = (struct row){&silents[i / WAYS], (enum way)(i % WAYS), ""};
		snprintf(rows[i].title, sizeof(rows[i].title), "%s, then data, by %s",
			 rows[i].silent->title, way_names[rows[i].way]);
		tests[i] = ROW_CASE(rows[i].title, waits, &rows[i]);
	}
	tests[COUNT(rows)] = (struct CMUnitTest)CASE(test_kernel_tells_again);
	return compare_main("silent", NULL, 0, tests, COUNT(tests));
}
