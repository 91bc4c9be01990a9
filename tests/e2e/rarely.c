/* SPDX-License-Identifier: MIT */
/*
 * What a fortified program calls; and what TCP does rarely: urgent data, the error queue, a
 * signal for what comes.
 */
#include "child.h"
#include "settle.h"
#include "trace.h"
#include "waiting.h"

#include <fcntl.h>
#include <linux/errqueue.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <tlssock.h>
#include <unistd.h>

/* glibc declares them in fortified programs only; the last number is the buffer's size. */
ssize_t __read_chk(int fd, void *buf, size_t n, size_t size);
ssize_t __recv_chk(int fd, void *buf, size_t n, size_t size, int flags);
ssize_t __recvfrom_chk(int fd, void *buf, size_t n, size_t size, int flags, struct sockaddr *sa,
		       socklen_t *len);
int __poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
int __ppoll_chk(struct pollfd *fds, nfds_t n, const struct timespec *timeout, const sigset_t *mask,
		size_t size);

static void checked_calls(struct link *l, struct trace *t)
{
	struct pollfd p = {.fd = l->server, .events = POLLIN};
	char buf[16] = "";
	struct sockaddr_storage sa;
	socklen_t len = sizeof(sa);

	CALL(t, __poll_chk(&p, 1, 0, sizeof(p)));
	CALL(t, __ppoll_chk(&p, 1, &(struct timespec){0}, NULL, sizeof(p)));
	CALL(t, __recv_chk(l->server, buf, sizeof(buf), sizeof(buf), MSG_DONTWAIT));
	CALL(t, send(l->client, "one two three", 13, 0));
	settle(l->client, l->server);
	CALL(t, __poll_chk(&p, 1, -1, sizeof(p)));
	trace_note(t, "\t%x", (unsigned int)p.revents);
	CALL(t, __ppoll_chk(&p, 1, NULL, NULL, sizeof(p)));
	trace_bytes(t, buf, CALL(t, __recv_chk(l->server, buf, 4, sizeof(buf), MSG_PEEK)));
	trace_bytes(t, buf, CALL(t, __read_chk(l->server, buf, 4, sizeof(buf))));
	trace_bytes(t, buf,
		    CALL(t, __recvfrom_chk(l->server, buf, 16, sizeof(buf), 0,
					   (struct sockaddr *)&sa, &len)));
	trace_note(t, "\t%u", (unsigned int)len);
}

/* Beyond the buffer they end the program, whatever there is to read. */
struct overflow {
	const struct link *link;
	int call;
};

static int overflow(void *arg)
{
	const struct overflow *o = arg;
	struct pollfd p = {.fd = o->link->server, .events = POLLIN};
	int fd = o->link->server;
	char buf[4];

	dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0});
	switch (o->call) {
	case 0:
		return (int)__read_chk(fd, buf, 5, sizeof(buf));
	case 1:
		return (int)__recv_chk(fd, buf, 5, sizeof(buf), 0);
	case 2:
		return (int)__recvfrom_chk(fd, buf, 5, sizeof(buf), 0, NULL, NULL);
	case 3:
		return __poll_chk(&p, 2, 0, sizeof(p));
	default:
		return __ppoll_chk(&p, 2, NULL, NULL, sizeof(p));
	}
}

static void overflows(struct link *l, struct trace *t)
{
	for (int call = 0; call < 5; call++) {
		struct overflow o = {l, call};

		CALL(t, child_finish(child_start(overflow, &o)));
	}
}

/* TLS has no urgent data: refused, where TCP takes it; nothing of it is in the stream. */
static void urgent(void **state)
{
	struct iovec iov = {(char[]){"u"}, 1};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct mmsghdr list = {.msg_hdr = msg};
	char buf[8] = "";
	struct link l;

	(void)state;
	link_open(&l, IPPROTO_TLS, AF_INET);
	assert_int_equal(send(l.client, "ab", 2, 0), 2);
	assert_fails(send(l.client, "u", 1, MSG_OOB), EOPNOTSUPP);
	assert_fails(sendto(l.client, "u", 1, MSG_OOB, NULL, 0), EOPNOTSUPP);
	assert_fails(sendmsg(l.client, &msg, MSG_OOB), EOPNOTSUPP);
	assert_fails(sendmmsg(l.client, &list, 1, MSG_OOB), EOPNOTSUPP);
	assert_int_equal(send(l.client, "cd", 2, 0), 2);
	/* As TCP says where there is none. */
	assert_fails(recv(l.server, buf, 1, MSG_OOB), EINVAL);
	assert_fails(recvmsg(l.server, &msg, MSG_OOB), EINVAL);
	assert_int_equal(recv(l.server, buf, 4, MSG_WAITALL), 4);
	assert_string_equal(buf, "abcd");
	link_close(&l);
}

/* It is empty, whatever waits to be received. */
static void error_queue(struct link *l, struct trace *t)
{
	char buf[8], control[64];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control,
			     .msg_controllen = sizeof(control)};

	CALL(t, recv(l->server, buf, sizeof(buf), MSG_ERRQUEUE));
	CALL(t, send(l->client, "data", 4, 0));
	settle(l->client, l->server);
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_ERRQUEUE));
	CALL(t, recv(l->server, buf, sizeof(buf), MSG_ERRQUEUE | MSG_PEEK));
	CALL(t, recvmsg(l->server, &msg, MSG_ERRQUEUE));
	trace_note(t, "\t%x %zu", (unsigned int)msg.msg_flags, msg.msg_controllen);
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
}

/* SIGIO, or what was asked for instead of it, when something comes. */
static void signal_driven(struct link *l, struct trace *t)
{
	static const struct timespec limit = {30, 0};
	siginfo_t info;
	sigset_t set, before;
	char buf[8];
	int flags = fcntl(l->server, F_GETFL);

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	sigaddset(&set, SIGRTMIN + 3);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	for (int number = 0; number <= SIGRTMIN + 3; number += SIGRTMIN + 3) {
		CALL(t, fcntl(l->server, F_SETOWN, getpid()));
		NAMED(t, "F_SETSIG", fcntl(l->server, F_SETSIG, number));
		NAMED(t, "F_SETFL", fcntl(l->server, F_SETFL, flags | O_ASYNC));
		CALL(t, send(l->client, "ping", 4, 0));
		trace_note(t, "\t%d",
			   sigtimedwait(&set, &info, &limit) == (number ? number : SIGIO));
		trace_note(t, "\t%d",
			   number ? info.si_fd == l->server && (info.si_band & POLLIN) : 1);
		trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
		NAMED(t, "F_SETFL", fcntl(l->server, F_SETFL, flags));
		/* Acknowledgements are told as well. */
		while (sigtimedwait(&set, &info, &(struct timespec){0}) > 0)
			continue;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* F_DUPFD knows the limit, and no number is left. */
static int at_the_limit(void *arg)
{
	struct link *l = arg;
	struct rlimit limit;
	int n = 0, fd;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = 64;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (fcntl(l->client, F_DUPFD, 64) != -1 || errno != EINVAL)
		return 1;
	if (fcntl(l->client, F_DUPFD, 63) != 63 || fcntl(l->client, F_DUPFD, 63) != -1 ||
	    errno != EMFILE)
		return 2;
	while ((fd = fcntl(l->client, F_DUPFD_CLOEXEC, 0)) >= 0)
		n++;
	if (errno != EMFILE || n == 0 || dup(l->client) != -1 || errno != EMFILE)
		return 3;
	if (dup2(l->client, 64) != -1 || errno != EBADF)
		return 4;
	return send(l->client, "full", 4, 0) == 4 ? 0 : 5;
}

static void limits(struct link *l, struct trace *t)
{
	char buf[8];

	CALL(t, child_finish(child_start(at_the_limit, l)));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, 4, MSG_WAITALL)));
}

static const struct compare_case cases[] = {
	{"checked calls", checked_calls}, {"beyond the buffer", overflows},
	{"error queue", error_queue},	  {"a signal for what comes", signal_driven},
	{"the limit of numbers", limits},
};

static const struct CMUnitTest others[] = {CASE(urgent)};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return compare_main("rarely", cases, COUNT(cases), others, COUNT(others));
}
