/* SPDX-License-Identifier: MIT */
/*
 * Numbers that a system call nobody saw has closed and given to another file: every call
 * serves that file. The library's own numbers, too, which it then leaves alone.
 */
#include "child.h"
#include "look.h"
#include "raw.h"
#include "settle.h"
#include "trace.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <tlssock.h>
#include <unistd.h>

static int raw_open(const char *path)
{
	return (int)raw_syscall(SYS_openat, AT_FDCWD, (long)path, O_RDWR | O_CLOEXEC, 0, 0, 0);
}

/* The number is /dev/zero's, and the library takes it for its own. */
static void make_stale(int fd)
{
	assert_ok(raw_close(fd));
	assert_int_equal(raw_open("/dev/zero"), fd);
}

/* A socket that was, without a connection. */
static int stale(const struct link *l)
{
	int fd = (int)assert_ok(socket(l->family, SOCK_STREAM, l->protocol));

	make_stale(fd);
	return fd;
}

/* A duplicate that was, of a connection that lives on. */
static int stale_copy(const struct link *l)
{
	int fd = (int)assert_ok(dup(l->client));

	make_stale(fd);
	return fd;
}

static char got[8];
static struct iovec iov = {got, 4};
static struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
static struct mmsghdr list = {.msg_hdr = {.msg_iov = &iov, .msg_iovlen = 1}};
static struct epoll_event event = {.events = EPOLLIN};
static int epfd, value;
static socklen_t value_size = sizeof(value);

static int polled(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	return poll(&p, 1, 0) * 1000 + p.revents;
}

static int selected(int fd)
{
	struct timeval none = {0};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	return select(fd + 1, &set, NULL, NULL, &none);
}

static long spliced(int in, int out)
{
	int ends[2];
	long r;

	assert_ok(pipe2(ends, O_CLOEXEC));
	assert_int_equal(write(ends[1], "pipe", 4), 4);
	r = splice(in < 0 ? ends[0] : in, NULL, out < 0 ? ends[1] : out, NULL, 4, 0);
	close(ends[0]);
	close(ends[1]);
	return r;
}

#define READS(X)                                                                                   \
	X(read(fd, got, 4))                                                                        \
	X(readv(fd, &iov, 1))                                                                      \
	X(preadv2(fd, &iov, 1, -1, 0))                                                             \
	X(recv(fd, got, 4, 0))                                                                     \
	X(recvfrom(fd, got, 4, 0, NULL, NULL))                                                     \
	X(recvmsg(fd, &msg, 0))                                                                    \
	X(recvmmsg(fd, &list, 1, 0, NULL))                                                         \
	X(spliced(fd, -1))                                                                         \
	X(polled(fd))                                                                              \
	X(selected(fd))                                                                            \
	X(dup(fd) >= 0)

#define OTHERS(X)                                                                                  \
	X(write(fd, "four", 4))                                                                    \
	X(writev(fd, &iov, 1))                                                                     \
	X(pwritev2(fd, &iov, 1, -1, 0))                                                            \
	X(send(fd, "four", 4, 0))                                                                  \
	X(sendto(fd, "four", 4, 0, NULL, 0))                                                       \
	X(sendmsg(fd, &msg, 0))                                                                    \
	X(sendmmsg(fd, &list, 1, 0))                                                               \
	X(spliced(-1, fd))                                                                         \
	X(sendfile(fd, epfd, NULL, 1))                                                             \
	X(bind(fd, (struct sockaddr *)got, sizeof(got)))                                           \
	X(connect(fd, (struct sockaddr *)got, sizeof(got)))                                        \
	X(listen(fd, 1))                                                                           \
	X(accept(fd, NULL, NULL))                                                                  \
	X(accept4(fd, NULL, NULL, 0))                                                              \
	X(shutdown(fd, SHUT_WR))                                                                   \
	X(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &value_size))                           \
	X(setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)))                         \
	X(ioctl(fd, SIOCATMARK, &value))                                                           \
	X(epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event))                                              \
	X(fcntl(fd, F_GETFD))                                                                      \
	X(fcntl(fd, F_SETFD, FD_CLOEXEC))                                                          \
	X(fcntl(fd, F_DUPFD, 0) >= 0)                                                              \
	X(dup2(fd, 100))                                                                           \
	X(close(fd))

#define ON_STALE(call)                                                                             \
	{                                                                                          \
		int fd = stale(l);                                                                 \
		CALL(t, call);                                                                     \
		CALL(t, write(fd, "x", 1));                                                        \
		closefrom(fd);                                                                     \
	}

#define ON_COPY(call)                                                                              \
	{                                                                                          \
		int fd = stale_copy(l);                                                            \
		CALL(t, call);                                                                     \
		closefrom(fd);                                                                     \
	}

static void of_sockets(struct link *l, struct trace *t)
{
	epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	READS(ON_STALE)
	OTHERS(ON_STALE)
	close(epfd);
}

/* What is read by another's number ends no connection. */
static void of_duplicates(struct link *l, struct trace *t)
{
	READS(ON_COPY)
	CALL(t, send(l->client, "good", 4, 0));
	trace_bytes(t, got, CALL(t, recv(l->server, got, sizeof(got), 0)));
	CALL(t, send(l->server, "fine", 4, 0));
	trace_bytes(t, got, CALL(t, recv(l->client, got, sizeof(got), 0)));
}

static int taken[8];
static size_t taken_count;

/* On each of the library's own numbers, from 200 on, a pipe's write end. */
static void take_own(int ends[2])
{
	assert_ok(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	taken_count = 0;
	for (int fd = 200; fd < 256 && taken_count < COUNT(taken); fd++) {
		if (raw_syscall(SYS_fcntl, fd, F_GETFD, 0, 0, 0, 0) < 0)
			continue;
		assert_int_equal(raw_syscall(SYS_dup3, ends[1], fd, O_CLOEXEC, 0, 0, 0), fd);
		taken[taken_count++] = fd;
	}
	assert_true(taken_count > 0);
	/* It is the program's for every call. */
	assert_int_equal(write(taken[0], "mine", 4), 4);
	assert_int_equal(read(ends[0], got, sizeof(got)), 4);
}

/* Nothing was written to them, and they are open. */
static void check_untouched(const int ends[2])
{
	struct stat ours, found;

	assert_ok(fstat(ends[1], &ours));
	for (size_t i = 0; i < taken_count; i++) {
		assert_ok(fstat(taken[i], &found));
		assert_true(found.st_ino == ours.st_ino);
		assert_ok(close(taken[i]));
	}
	assert_fails(read(ends[0], got, sizeof(got)), EAGAIN);
	close(ends[0]);
	close(ends[1]);
}

/* What lingers has something to send, to a peer that reads when it is lost. */
static void of_lingerer(void **state)
{
	static char page[65536];
	int ends[2];
	struct link link;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	settle_full(link.client, link.server);
	link_drop(&link.client);
	take_own(ends);
	/* The next takes the lingerer through its list. */
	for (int i = 0; i < 2; i++) {
		struct link other;

		link_open(&other, IPPROTO_TLS, AF_INET);
		settle_full(other.client, other.server);
		link_close(&other);
	}
	while (recv(link.server, page, sizeof(page), 0) > 0)
		continue;
	link_close(&link);
	check_untouched(ends);
}

static int close_copy(void *arg)
{
	const struct link *l = arg;

	close(l->client);
	return 0;
}

/* fork's word to the parent that its child has gone. */
static void of_fork(void **state)
{
	struct link link;
	int ends[2];

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_int_equal(child_finish(child_start(close_copy, &link)), 0);
	take_own(ends);
	link_close(&link);
	check_untouched(ends);
}

static const struct compare_case cases[] = {
	{"numbers of sockets", of_sockets},
	{"numbers of duplicates", of_duplicates},
};

int main(void)
{
	static const struct CMUnitTest tests[] = {CASE(of_lingerer), CASE(of_fork)};

	signal(SIGPIPE, SIG_IGN);
	closefrom(3);
	return compare_main("stale", cases, COUNT(cases), tests, COUNT(tests));
}
