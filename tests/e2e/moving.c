/* SPDX-License-Identifier: MIT */
/* Much data by sendfile and splice, in pieces of chance: each byte once, and in order. */
#include "chance.h"
#include "net.h"
#include "proc.h"
#include "stream.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <tlssock.h>
#include <unistd.h>

/* A sanitizer needs its time. */
#ifdef __SANITIZE_ADDRESS__
enum { FILE_BYTES = 8 << 20, PIPE_BYTES = 4 << 20 };
#else
enum { FILE_BYTES = 100 << 20, PIPE_BYTES = 24 << 20 };
#endif

enum { MOST = 200000, PATIENCE_MS = 30000 };

static int stream_file(size_t bytes)
{
	static char block[1 << 16];
	int fd = (int)assert_ok(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));

	for (size_t at = 0; at < bytes; at += sizeof(block)) {
		stream_fill(at, block, sizeof(block));
		assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
	}
	assert_ok(lseek(fd, 0, SEEK_SET));
	return fd;
}

struct reader {
	pthread_t thread;
	int fd;
	bool pauses;
	uint64_t got, wrong;
};

static void *read_all(void *arg)
{
	struct reader *r = arg;
	struct rng rng = rng_seed(7);
	static __thread char block[MOST];
	ssize_t n;

	while ((n = recv(r->fd, block, rng_range(&rng, 1, sizeof(block)), 0)) > 0) {
		r->wrong += stream_mismatch(r->got, block, (size_t)n) != (size_t)n;
		r->got += (uint64_t)n;
	}
	r->wrong += n < 0;
	return NULL;
}

static void start_reader(struct reader *r, int fd)
{
	*r = (struct reader){.fd = fd};
	assert_int_equal(pthread_create(&r->thread, NULL, read_all, r), 0);
}

static void finish_reader(struct reader *r, struct link *l, uint64_t bytes)
{
	assert_ok(shutdown(l->client, SHUT_WR));
	pthread_join(r->thread, NULL);
	assert_int_equal(r->wrong, 0);
	assert_int_equal(r->got, bytes);
}

static void wait_for(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	assert_int_equal(poll(&p, 1, PATIENCE_MS), 1);
}

enum { NONBLOCK = 1, OFFSET = 2, ONE_RECORD_BUFFER = 4, EDGES = 8 };

static const struct way {
	const char *title;
	int flags;
} ways[] = {
	{"sendfile that waits, by position", 0},
	{"sendfile that waits, by offset", OFFSET},
	{"sendfile that does not wait, by position", NONBLOCK},
	{"sendfile that does not wait, by offset", NONBLOCK | OFFSET},
	{"sendfile into a small buffer", NONBLOCK | OFFSET | ONE_RECORD_BUFFER},
	{"sendfile by edges", NONBLOCK | OFFSET | EDGES},
};

/* As nginx: until EAGAIN, and then not before the next edge. */
static void wait_for_edge(int epfd)
{
	struct epoll_event event;

	assert_int_equal(epoll_wait(epfd, &event, 1, PATIENCE_MS), 1);
}

static void send_file(void **state)
{
	const struct way *way = *state;
	int file = stream_file(FILE_BYTES), epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	struct rng rng = rng_seed((uint64_t)way->flags);
	struct reader reader;
	struct link link;
	off_t at = 0, off = 0;

	link_open(&link, IPPROTO_TLS, AF_INET);
	if (way->flags & ONE_RECORD_BUFFER)
		assert_ok(
			setsockopt(link.client, SOL_SOCKET, SO_SNDBUF, &(int){5000}, sizeof(int)));
	if (way->flags & NONBLOCK)
		assert_ok(fcntl(link.client, F_SETFL, O_NONBLOCK));
	net_epoll(epfd, EPOLL_CTL_ADD, link.client, EPOLLOUT | EPOLLET, 0);
	start_reader(&reader, link.server);
	while (at < FILE_BYTES) {
		size_t n = rng_range(&rng, 1, rng_once_in(&rng, 20) ? FILE_BYTES : MOST);
		ssize_t r = sendfile(link.client, file, way->flags & OFFSET ? &off : NULL, n);

		assert_true(r > 0 || (r < 0 && errno == EAGAIN && (way->flags & NONBLOCK)));
		assert_true(r <= (ssize_t)n);
		if (r > 0)
			at += r;
		else if (way->flags & EDGES)
			wait_for_edge(epfd);
		else
			wait_for(link.client, POLLOUT);
		assert_int_equal(way->flags & OFFSET ? off : lseek(file, 0, SEEK_CUR), at);
		if (!(way->flags & NONBLOCK))
			assert_true(r == (ssize_t)n || at == FILE_BYTES);
	}
	assert_int_equal(sendfile(link.client, file, way->flags & OFFSET ? &off : NULL, 10), 0);
	finish_reader(&reader, &link, FILE_BYTES);
	link_close(&link);
	close(epfd);
	close(file);
}

/* The other end of a pipe, in a thread. */
struct plumber {
	pthread_t thread;
	int fd;
	bool fills;
	uint64_t at, wrong;
};

static void *plumb(void *arg)
{
	struct plumber *p = arg;
	struct rng rng = rng_seed(11);
	static __thread char block[MOST];
	ssize_t n = 1;

	while (n > 0 && (p->at < PIPE_BYTES || !p->fills)) {
		size_t len = rng_range(&rng, 1, rng_once_in(&rng, 2) ? 300 : MOST);

		len = p->fills && len > PIPE_BYTES - p->at ? PIPE_BYTES - p->at : len;
		if (p->fills)
			stream_fill(p->at, block, len);
		n = p->fills ? write(p->fd, block, len) : read(p->fd, block, len);
		if (n > 0 && !p->fills)
			p->wrong += stream_mismatch(p->at, block, (size_t)n) != (size_t)n;
		p->at += n > 0 ? (uint64_t)n : 0;
	}
	p->wrong += n < 0;
	close(p->fd);
	return NULL;
}

static void start_plumber(struct plumber *p, int fd, bool fills)
{
	*p = (struct plumber){.fd = fd, .fills = fills};
	assert_int_equal(pthread_create(&p->thread, NULL, plumb, p), 0);
}

enum { PIPE_NONBLOCK = 16, FLAG_NONBLOCK = 32 };

static const struct way pipe_ways[] = {
	{"splice that waits", 0},
	{"splice with SPLICE_F_NONBLOCK", FLAG_NONBLOCK},
	{"splice, the socket does not wait", NONBLOCK},
	{"splice, nothing waits", NONBLOCK | PIPE_NONBLOCK | FLAG_NONBLOCK},
	{"splice, small buffers", NONBLOCK | PIPE_NONBLOCK | ONE_RECORD_BUFFER},
};

static void prepare(const struct way *way, struct link *link, int pipe_end)
{
	link_open(link, IPPROTO_TLS, AF_INET);
	if (way->flags & ONE_RECORD_BUFFER) {
		assert_ok(
			setsockopt(link->client, SOL_SOCKET, SO_SNDBUF, &(int){5000}, sizeof(int)));
		assert_ok(fcntl(pipe_end, F_SETPIPE_SZ, 4096));
	}
	if (way->flags & NONBLOCK) {
		assert_ok(fcntl(link->client, F_SETFL, O_NONBLOCK));
		assert_ok(fcntl(link->server, F_SETFL, O_NONBLOCK));
	}
	if (way->flags & PIPE_NONBLOCK)
		assert_ok(fcntl(pipe_end, F_SETFL, O_NONBLOCK));
}

/* EAGAIN may be either end's. */
static void wait_for_both(int in, int out)
{
	struct pollfd p[2] = {{.fd = in, .events = POLLIN}, {.fd = out, .events = POLLOUT}};

	assert_true(poll(&p[0], 1, PATIENCE_MS) == 1 && poll(&p[1], 1, PATIENCE_MS) == 1);
}

static uint64_t splice_all(const struct way *way, int in, int out)
{
	struct rng rng = rng_seed((uint64_t)way->flags + 3);
	unsigned int flags = way->flags & FLAG_NONBLOCK ? SPLICE_F_NONBLOCK : 0;
	uint64_t at = 0;
	ssize_t r = 1;

	while (r != 0) {
		size_t n = rng_range(&rng, 1, rng_once_in(&rng, 2) ? 300 : MOST);

		r = splice(in, NULL, out, NULL, n, flags);
		assert_true(r <= (ssize_t)n);
		assert_true(r >= 0 || (errno == EAGAIN && way->flags));
		at += r > 0 ? (uint64_t)r : 0;
		if (r < 0)
			wait_for_both(in, out);
	}
	return at;
}

static void splice_out(void **state)
{
	const struct way *way = *state;
	struct plumber plumber;
	struct reader reader;
	struct link link;
	int ends[2];

	assert_ok(pipe2(ends, O_CLOEXEC));
	prepare(way, &link, ends[0]);
	start_plumber(&plumber, ends[1], true);
	assert_ok(fcntl(link.server, F_SETFL, 0));
	start_reader(&reader, link.server);
	assert_int_equal(splice_all(way, ends[0], link.client), PIPE_BYTES);
	pthread_join(plumber.thread, NULL);
	finish_reader(&reader, &link, PIPE_BYTES);
	close(ends[0]);
	link_close(&link);
}

static void *send_all(void *arg)
{
	static char block[1 << 16];

	for (uint64_t at = 0; at < PIPE_BYTES; at += sizeof(block)) {
		stream_fill(at, block, sizeof(block));
		if (send(*(int *)arg, block, sizeof(block), 0) != sizeof(block))
			break;
	}
	shutdown(*(int *)arg, SHUT_WR);
	return NULL;
}

static void splice_in(void **state)
{
	const struct way *way = *state;
	struct plumber plumber;
	pthread_t sender;
	struct link link;
	int ends[2];

	assert_ok(pipe2(ends, O_CLOEXEC));
	prepare(way, &link, ends[1]);
	assert_ok(fcntl(link.client, F_SETFL, 0));
	assert_int_equal(pthread_create(&sender, NULL, send_all, &link.client), 0);
	start_plumber(&plumber, ends[0], false);
	assert_int_equal(splice_all(way, link.server, ends[1]), PIPE_BYTES);
	close(ends[1]);
	pthread_join(plumber.thread, NULL);
	pthread_join(sender, NULL);
	assert_int_equal(plumber.wrong, 0);
	assert_int_equal(plumber.at, PIPE_BYTES);
	link_close(&link);
}

int main(void)
{
	static char titles[COUNT(pipe_ways) * 2][64];
	struct CMUnitTest tests[COUNT(ways) + 2 * COUNT(pipe_ways) + 1];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(ways); i++)
		tests[n++] = ROW_CASE(ways[i].title, send_file, ROW(ways[i]));
	for (size_t i = 0; i < 2 * COUNT(pipe_ways); i++) {
		const struct way *way = &pipe_ways[i / 2];

		snprintf(titles[i], sizeof(titles[i]), "%s, %s", way->title, i % 2 ? "in" : "out");
		tests[n++] = ROW_CASE(titles[i], i % 2 ? splice_in : splice_out, ROW(*way));
	}
	tests[n++] = (struct CMUnitTest)CASE(nothing_left);
	return _cmocka_run_group_tests("moving", tests, n, group_setup, NULL);
}
