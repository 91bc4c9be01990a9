/* SPDX-License-Identifier: MIT */
/*
 * Makes calls on descriptors that have nothing to do with TLS, so that a library in
 * front of libc can be measured by what it adds.
 *
 *	plain-calls [-t]		reads a call's letter from stdin, makes a batch
 *					of calls, and prints what one took, in ns
 *	plain-calls [-t] LETTERS COUNT	makes so many of each, for tools that count
 *					instructions or system calls
 *
 * -t: with a TLS socket open meanwhile. The first line says whether the library
 * is loaded.
 */
#include "common.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <tlssock.h>
#include <unistd.h>
#include <wchar.h>

enum { BATCH = 1000, MANY = 100 };

static int zero, null, pair[2], epfd;
static struct pollfd many[MANY];
static FILE *wide;

static void make_read(void)
{
	char byte;

	if (read(zero, &byte, 1) != 1)
		die_errno("read");
}

static void make_write(void)
{
	if (write(null, "x", 1) != 1)
		die_errno("write");
}

/* The same byte each time. */
static void make_recv(void)
{
	char byte;

	if (recv(pair[0], &byte, 1, MSG_PEEK) != 1)
		die_errno("recv");
}

static void make_send(void)
{
	if (send(pair[0], "", 0, 0) != 0)
		die_errno("send");
}

static void make_recvfrom(void)
{
	char byte;

	if (recvfrom(pair[0], &byte, 1, MSG_PEEK, NULL, NULL) != 1)
		die_errno("recvfrom");
}

static void make_sendto(void)
{
	if (sendto(pair[0], "", 0, 0, NULL, 0) != 0)
		die_errno("sendto");
}

static void make_readv(void)
{
	char byte;

	if (readv(zero, &(struct iovec){&byte, 1}, 1) != 1)
		die_errno("readv");
}

static void make_writev(void)
{
	char byte = 'x';

	if (writev(null, &(struct iovec){&byte, 1}, 1) != 1)
		die_errno("writev");
}

static void make_dup_close(void)
{
	if (close(dup(null)) < 0)
		die_errno("dup, close");
}

static void make_fcntl(void)
{
	if (fcntl(null, F_GETFL) < 0)
		die_errno("fcntl");
}

static void make_poll(void)
{
	if (poll(many, 1, 0) != 1)
		die_errno("poll");
}

static void make_poll_many(void)
{
	if (poll(many, MANY, 0) != MANY)
		die_errno("poll");
}

static void make_select(void)
{
	struct timeval none = {0, 0};
	fd_set set;

	FD_ZERO(&set);
	FD_SET(pair[0], &set);
	if (select(pair[0] + 1, &set, NULL, NULL, &none) != 1)
		die_errno("select");
}

static void make_epoll_wait(void)
{
	struct epoll_event event;

	if (epoll_wait(epfd, &event, 1, 0) != 1)
		die_errno("epoll_wait");
}

/* One that may sleep, as event loops make it. */
static void make_epoll_wait_long(void)
{
	struct epoll_event event;

	if (epoll_wait(epfd, &event, 1, 1000) != 1)
		die_errno("epoll_wait");
}

static void make_sendmsg(void)
{
	if (sendmsg(pair[0], &(struct msghdr){0}, 0) != 0)
		die_errno("sendmsg");
}

static void make_recvmsg(void)
{
	char byte;
	struct iovec iov = {&byte, 1};

	if (recvmsg(pair[0], &(struct msghdr){.msg_iov = &iov, .msg_iovlen = 1}, MSG_PEEK) != 1)
		die_errno("recvmsg");
}

/* The stream has no buffer. */
static void make_fputwc(void)
{
	if (fputwc(L'x', wide) == WEOF)
		die_errno("fputwc");
}

static const struct call {
	int letter;
	void (*make)(void);
} calls[] = {
	{'r', make_read},     {'w', make_write},      {'R', make_recv},
	{'W', make_send},     {'v', make_readv},      {'V', make_writev},
	{'F', make_recvfrom}, {'T', make_sendto},     {'c', make_dup_close},
	{'f', make_fcntl},    {'p', make_poll},	      {'P', make_poll_many},
	{'s', make_select},   {'e', make_epoll_wait}, {'E', make_epoll_wait_long},
	{'m', make_recvmsg},  {'M', make_sendmsg},    {'C', make_fputwc},
};

static void make_calls(int letter, unsigned int count)
{
	size_t i = 0;

	while (i < COUNT(calls) && calls[i].letter != letter)
		i++;
	if (i == COUNT(calls))
		die("no call has the letter '%c'", letter);
	while (count-- > 0)
		calls[i].make();
}

static double time_batch(int letter)
{
	double begin = now_seconds();

	make_calls(letter, BATCH);
	return (now_seconds() - begin) / BATCH * 1e9;
}

static void open_descriptors(bool with_tls_socket)
{
	struct epoll_event readable = {.events = EPOLLIN};

	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (zero < 0 || null < 0)
		die_errno("/dev/zero, /dev/null");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0 ||
	    write(pair[1], "x", 1) != 1)
		die_errno("socketpair");
	epfd = epoll_create1(EPOLL_CLOEXEC);
	if (epfd < 0 || epoll_ctl(epfd, EPOLL_CTL_ADD, pair[0], &readable) < 0)
		die_errno("epoll");
	wide = fopen("/dev/null", "we");
	if (!wide || setvbuf(wide, NULL, _IONBF, 0) != 0)
		die_errno("stream");
	for (size_t i = 0; i < MANY; i++)
		many[i] = (struct pollfd){.fd = pair[0], .events = POLLIN};
	/* Kept, never used. The last: the others have the same numbers, and lower ones. */
	if (with_tls_socket && socket(AF_INET, SOCK_STREAM, IPPROTO_TLS) < 0)
		die_errno("socket IPPROTO_TLS");
}

static void answer(void)
{
	int letter;

	while ((letter = getchar()) != EOF) {
		printf("%.9g\n", time_batch(letter));
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	bool with_tls_socket = argc > 1 && strcmp(argv[1], "-t") == 0;
	char **rest = argv + 1 + with_tls_socket;

	/* All copies of this program on the same CPU, for no two are equally busy. */
	pin_to_cpu(0);
	open_descriptors(with_tls_socket);
	printf("%s\n", dlsym(RTLD_DEFAULT, "tlssock_version") ? "loaded" : "not loaded");
	fflush(stdout);
	if (rest[0] && rest[1])
		for (const char *letter = rest[0]; *letter; letter++)
			make_calls(*letter, (unsigned int)parse_number("COUNT", rest[1]));
	else
		answer();
	return 0;
}
