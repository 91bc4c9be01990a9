/* SPDX-License-Identifier: MIT */
/*
 * Answers requests out of a file as web servers do, for a tool that counts system calls.
 *
 *	served COUNT [handler]
 *
 * handler: the process has one for signals. Who asks is another process.
 */
#include "child.h"
#include "net.h"
#include "trace.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <tlssock.h>
#include <unistd.h>

enum { REQUEST = 150, ROOM = 1024, HEAD = 250, BODY = 1024 };

static int count;

static void ignored(int number)
{
	(void)number;
}

static int ask(void *arg)
{
	const struct link *link = arg;
	char buf[HEAD + BODY];

	memset(buf, 'r', sizeof(buf));
	for (int i = 0; i < count; i++) {
		assert_ok(send(link->client, buf, REQUEST, 0));
		if (recv(link->client, buf, sizeof(buf), MSG_WAITALL) != (ssize_t)sizeof(buf))
			return 1;
	}
	return 0;
}

static void answer(int fd, int file)
{
	char head[HEAD] = "head";
	off_t off = 0;

	assert_ok(setsockopt(fd, IPPROTO_TCP, TCP_CORK, &(int){1}, sizeof(int)));
	assert_int_equal(writev(fd, &(struct iovec){head, HEAD}, 1), HEAD);
	assert_int_equal(sendfile(fd, file, &off, BODY), BODY);
	assert_ok(setsockopt(fd, IPPROTO_TCP, TCP_CORK, &(int){0}, sizeof(int)));
}

static void serve(int fd, int file)
{
	int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	struct epoll_event event;
	char buf[ROOM];

	net_epoll(epfd, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLET, 0);
	for (int i = 0; i < count; i++) {
		assert_int_equal(epoll_wait(epfd, &event, 1, -1), 1);
		assert_int_equal(recv(fd, buf, sizeof(buf), 0), REQUEST);
		answer(fd, file);
	}
	close(epfd);
}

static void serve_all(void **state)
{
	int file = (int)assert_ok(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	struct link link;
	pid_t pid;

	(void)state;
	assert_ok(ftruncate(file, BODY));
	link_open(&link, IPPROTO_TLS, AF_INET);
	pid = child_start(ask, &link);
	assert_ok(fcntl(link.server, F_SETFL, O_NONBLOCK));
	serve(link.server, file);
	assert_int_equal(child_finish(pid), 0);
	link_close(&link);
	close(file);
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {CASE(serve_all)};

	count = argc > 1 ? atoi(argv[1]) : 1;
	if (argc > 2)
		signal(SIGUSR1, ignored);
	return compare_main("served", NULL, 0, tests, COUNT(tests));
}
