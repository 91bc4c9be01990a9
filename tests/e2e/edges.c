/* SPDX-License-Identifier: MIT */
/*
 * Edge-triggered programs, with the hooked calls and with the kernel's own: a short read
 * means that all was read, and a writer gets its edge after EAGAIN. Both on TCP first.
 */
#include "chance.h"
#include "look.h"
#include "settle.h"
#include "stream.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

enum { PATIENCE_MS = 10000, MOST_READ = 65536, MANY_READS = 200 };

static char bytes[MOST_READ];

/*
 * Two descriptors of both ends, since a duplicate is no other socket to the kernel; one
 * set of the hooked calls and one that only the kernel knows.
 */
struct pair {
	struct link link;
	int sets[2];
	uint64_t sent, received;
};

static void pair_open(struct pair *p, int protocol, uint32_t events, bool writer)
{
	*p = (struct pair){.sent = 0};
	link_open(&p->link, protocol, AF_INET);
	assert_ok(fcntl(p->link.client, F_SETFL, O_NONBLOCK));
	assert_ok(fcntl(p->link.server, F_SETFL, O_NONBLOCK));
	for (int raw = 0; raw < 2; raw++) {
		int fd = writer ? p->link.client : p->link.server;

		p->sets[raw] = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
		assert_ok(look_ctl(raw, p->sets[raw], EPOLL_CTL_ADD, fd, events | EPOLLET));
	}
}

static void pair_close(struct pair *p)
{
	close(p->sets[0]);
	close(p->sets[1]);
	link_close(&p->link);
}

/* Takes up what the set that is not looked at has. */
static bool edge(struct pair *p, bool raw, int timeout_ms)
{
	struct epoll_event event;
	int n = look_wait(raw, p->sets[raw], &event, 1, timeout_ms);

	look_wait(!raw, p->sets[!raw], &event, 1, 0);
	return assert_ok(n) == 1;
}

static void send_record(struct pair *p, size_t n)
{
	stream_fill(p->sent, bytes, n);
	assert_int_equal(send(p->link.client, bytes, n, 0), n);
	p->sent += n;
}

/* One read of n bytes in one of the ways. Returns false after a short one. */
static bool read_once(struct pair *p, size_t n, unsigned int way)
{
	static char got[MOST_READ];
	struct iovec iov[2] = {{got, n / 3}, {got + n / 3, n - n / 3}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	int fd = p->link.server;
	ssize_t r;

	switch (way % 4) {
	case 0:
		r = recv(fd, got, n, 0);
		break;
	case 1:
		r = read(fd, got, n);
		break;
	case 2:
		r = readv(fd, iov, 2);
		break;
	default:
		r = recvmsg(fd, &msg, MSG_DONTWAIT);
	}
	if (r < 0)
		assert_int_equal(errno, EAGAIN);
	if (r <= 0)
		return false;
	if (stream_mismatch(p->received, got, (size_t)r) != (size_t)r)
		fail_msg("wrong bytes from %llu on", (unsigned long long)p->received);
	p->received += (uint64_t)r;
	return (size_t)r == n;
}

/* As a program does it: by each edge reads until one is short. More comes meanwhile. */
static void drain(struct pair *p, size_t n, size_t record, struct rng *rng)
{
	bool raw = rng_once_in(rng, 2);
	unsigned int way = rng_next(rng), more = record / n < MANY_READS ? 2 : 0;

	while (edge(p, raw, 0)) {
		while (read_once(p, n, way)) {
			if (more > 0 && rng_once_in(rng, 3)) {
				send_record(p, record);
				more--;
			}
		}
		settle(p->link.client, p->link.server);
	}
	if (p->received < p->sent)
		fail_msg("reads of %zu, records of %zu, way %u, %s: %llu bytes left behind", n,
			 record, way % 4, raw ? "the kernel's epoll" : "epoll",
			 (unsigned long long)(p->sent - p->received));
}

/* Few enough that all fit into the receiver's buffer, and that small reads come to an end. */
static void one_size(struct pair *p, size_t n, size_t record, struct rng *rng)
{
	size_t most = n * MANY_READS / record, records = rng_range(rng, 1, 3);

	records = records > most + 1 ? most + 1 : records;
	if (record < 100)
		records += rng_range(rng, 0, 40);
	for (size_t i = 0; i < records; i++)
		send_record(p, record);
	settle(p->link.client, p->link.server);
	drain(p, n, record, rng);
}

/*
 * The corners each with each; then TLSSOCK_TEST_SEEDS times as many sizes, evenly spread
 * over both ranges (a Weyl sequence), every second one small.
 */
static void short_reads(int protocol)
{
	static const size_t reads[] = {1,     2,     3,	    16,	   255,	  1000,
				       4096,  16383, 16384, 16385, 16401, 16406,
				       18436, 18437, 18438, 32768, 65535, 65536};
	static const size_t records[] = {1, 2, 16, 255, 1000, 4096, 8192, 16383, 16384};
	unsigned int first, count = chance_seeds(800, &first);
	struct pair p;

	pair_open(&p, protocol, EPOLLIN | EPOLLRDHUP, false);
	edge(&p, false, 0);
	for (size_t i = 0; i < COUNT(reads) * COUNT(records); i++) {
		struct rng rng = rng_seed(i);

		one_size(&p, reads[i % COUNT(reads)], records[i / COUNT(reads)], &rng);
	}
	for (unsigned int i = first; i < first + count && protocol == IPPROTO_TLS; i++) {
		struct rng rng = rng_seed(i);
		size_t n = (size_t)(i * 40503u % 65536u), record = i * 10127u % 16384u;

		n >>= i % 2 ? rng_range(&rng, 0, 15) : 0;
		record >>= i % 4 > 1 ? rng_range(&rng, 0, 13) : 0;
		if (record / (n + 1) > 10 * MANY_READS)
			record = (n + 1) * MANY_READS;
		one_size(&p, n + 1, record + 1, &rng);
	}
	pair_close(&p);
}

static void test_short_reads(void **state)
{
	(void)state;
	short_reads(IPPROTO_TCP);
	short_reads(IPPROTO_TLS);
}

/* Sizes of what the kernel keeps; 0: as it is. With a smaller window TCP itself crawls. */
enum { SMALL_WINDOW = 32768 };

struct room {
	const char *title;
	int sndbuf, rcvbuf, lowat;
};

static const struct room rooms[] = {
	{"usual buffers", 0, 0, 0},
	{"the smallest SO_SNDBUF", 1, 0, 0},
	{"a small SO_RCVBUF", 0, SMALL_WINDOW, 0},
	{"small buffers", 1, SMALL_WINDOW, 0},
	{"TCP_NOTSENT_LOWAT of 1", 0, 0, 1},
	{"TCP_NOTSENT_LOWAT of 2,000", 0, 0, 2000},
	{"TCP_NOTSENT_LOWAT of 16,384", 0, 0, 16384},
	{"all small", 1, SMALL_WINDOW, 1},
};

static void set_room(int fd, const struct room *room)
{
	if (room->sndbuf)
		assert_ok(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room->sndbuf, sizeof(int)));
	if (room->rcvbuf)
		assert_ok(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room->rcvbuf, sizeof(int)));
	if (room->lowat)
		assert_ok(
			setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &room->lowat, sizeof(int)));
}

/* Sends until EAGAIN. */
static void fill(struct pair *p, size_t piece, uint64_t total)
{
	while (p->sent < total) {
		size_t left = (size_t)(total - p->sent), n = piece < left ? piece : left;
		ssize_t r;

		stream_fill(p->sent, bytes, n);
		r = send(p->link.client, bytes, n, 0);
		if (r < 0) {
			assert_int_equal(errno, EAGAIN);
			return;
		}
		assert_int_not_equal(r, 0);
		p->sent += (uint64_t)r;
	}
}

/*
 * The writer waits for nothing but its edge; the reader reads until nothing is there
 * each time that it gets something.
 */
static void write_by_edges(int protocol, const struct room *room, size_t piece, bool raw)
{
	const uint64_t total = room->title == rooms[0].title ? 20u << 20 : 150000;
	struct epoll_event event;
	struct pair p;
	int reader;

	pair_open(&p, protocol, EPOLLOUT, true);
	set_room(p.link.client, room);
	set_room(p.link.server, room);
	reader = (int)assert_ok(epoll_create1(0));
	assert_ok(look_ctl(raw, reader, EPOLL_CTL_ADD, p.link.server, EPOLLIN));
	assert_ok(look_ctl(raw, reader, EPOLL_CTL_ADD, p.sets[raw], EPOLLIN));
	while (p.received < total) {
		if (look_wait(raw, reader, &event, 1, PATIENCE_MS) != 1)
			fail_msg("no event after %llu and %llu bytes", (unsigned long long)p.sent,
				 (unsigned long long)p.received);
		if (event.data.fd == p.link.server)
			while (read_once(&p, MOST_READ, 0))
				;
		else if (edge(&p, raw, 0))
			fill(&p, piece, total);
	}
	assert_int_equal(p.received, total);
	close(reader);
	pair_close(&p);
}

static void test_writers(void **state)
{
	static const size_t pieces[] = {700, 16384, 60000};
	const struct room *room = *state;

	for (size_t i = 0; i < 2 * COUNT(pieces); i++) {
		write_by_edges(IPPROTO_TCP, room, pieces[i / 2], i % 2);
		write_by_edges(IPPROTO_TLS, room, pieces[i / 2], i % 2);
	}
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rooms) + 1] = {CASE(test_short_reads)};

	for (size_t i = 0; i < COUNT(rooms); i++)
		tests[i + 1] = ROW_CASE(rooms[i].title, test_writers, ROW(rooms[i]));
	return compare_main("edges", NULL, 0, tests, COUNT(tests));
}
