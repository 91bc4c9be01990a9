/* SPDX-License-Identifier: MIT */
/*
 * Other names of libc's calls, which old programs and other libraries use, and the calls
 * of libc that write to a number by system calls of their own.
 */
#include "trace.h"
#include <execinfo.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <syslog.h>
#include <tlssock.h>
#include <unistd.h>

/* No header declares them. */
int __close(int fd);
int __connect(int fd, const struct sockaddr *sa, socklen_t len);
int __dup2(int fd, int to);
int __fcntl(int fd, int cmd, ...);
int __poll(struct pollfd *fds, nfds_t n, int timeout);
ssize_t __read(int fd, void *buf, size_t n);
int __select(int n, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout);
ssize_t __send(int fd, const void *buf, size_t n, int flags);
ssize_t __write(int fd, const void *buf, size_t n);
void __backtrace_symbols_fd(void *const *addresses, int n, int fd);

/* Another file's number, to dup2 over. */
static int spare_number(void)
{
	return (int)assert_ok(open("/dev/null", O_RDONLY | O_CLOEXEC));
}

static void underscored(struct link *l, struct trace *t)
{
	struct pollfd p = {.events = POLLIN | POLLOUT};
	struct timeval none = {0, 0};
	int spare = spare_number();
	char buf[16];
	fd_set r;

	CALL(t, __write(l->client, "one", 3));
	trace_bytes(t, buf, CALL(t, __read(l->server, buf, sizeof(buf))));
	CALL(t, __send(l->client, "two", 3, MSG_NOSIGNAL));
	p.fd = l->server;
	CALL(t, __poll(&p, 1, 1000));
	FD_ZERO(&r);
	FD_SET(l->server, &r);
	CALL(t, __select(l->server + 1, &r, NULL, NULL, &none));
	trace_bytes(t, buf, CALL(t, __read(l->server, buf, sizeof(buf))));
	CALL(t, __fcntl(l->client, F_GETFD));
	CALL(t, __fcntl(l->client, F_SETFL, O_NONBLOCK));
	CALL(t, __fcntl(l->client, F_GETFL) & O_NONBLOCK);
	NAMED(t, "__dup2", __dup2(l->client, spare) == spare ? 0 : -1);
	CALL(t, __close(l->client));
	l->client = spare;
	CALL(t, __write(l->client, "three", 5));
	CALL(t, __close(l->client));
	l->client = -1;
	trace_bytes(t, buf, CALL(t, __read(l->server, buf, sizeof(buf))));
	CALL(t, __read(l->server, buf, sizeof(buf)));
}

static void connects(struct link *l, struct trace *t)
{
	union net_address address;
	socklen_t len = net_loopback(&address, l->family, l->port);
	int fd = tls_socket(l->family, l->protocol, "localhost");

	assert_ok(fcntl(fd, F_SETFL, O_NONBLOCK));
	CALL(t, __connect(fd, &address.any, len));
	CALL(t, close(fd));
}

/* They read and write whatever file they are given. */
static void as_eventfd(struct link *l, struct trace *t)
{
	eventfd_t value = 0;

	CALL(t, eventfd_write(l->client, 0x6f6c6c6548));
	CALL(t, eventfd_read(l->server, &value));
	trace_note(t, "%llx\n", (unsigned long long)value);
	CALL(t, fcntl(l->server, F_SETFL, O_NONBLOCK));
	CALL(t, eventfd_read(l->server, &value));
	CALL(t, shutdown(l->client, SHUT_WR));
	CALL(t, eventfd_read(l->server, &value));
}

static void receive_lines(struct link *l, struct trace *t)
{
	char buf[4096];
	ssize_t n;

	assert_ok(shutdown(l->client, SHUT_WR));
	while ((n = assert_ok(recv(l->server, buf, sizeof(buf), 0))) > 0)
		trace_bytes(t, buf, n);
}

static void traces_back(struct link *l, struct trace *t)
{
	void *here[] = {ROW(traces_back), (void *)(uintptr_t)&trace_note, NULL};

	backtrace_symbols_fd(here, 1, l->client);
	__backtrace_symbols_fd(here, 0, l->client);
	receive_lines(l, t);
}

/* The descriptor as this process's number 2, while fn runs. */
static void with_stderr(int fd, void (*fn)(void))
{
	int kept = (int)assert_ok(dup(STDERR_FILENO));

	assert_ok(dup2(fd, STDERR_FILENO));
	fn();
	assert_ok(dup2(kept, STDERR_FILENO));
	close(kept);
}

static void to_the_log(void)
{
	openlog("tlssock-test", LOG_PERROR, LOG_USER);
	syslog(LOG_DEBUG, "%d %s", 7, "lines");
	errno = ENOENT;
	syslog(LOG_DEBUG, "its own end: %m\n");
	setlogmask(LOG_UPTO(LOG_ERR));
	syslog(LOG_DEBUG, "masked");
	setlogmask(LOG_UPTO(LOG_DEBUG));
	closelog();
	openlog(NULL, 0, LOG_USER);
	syslog(LOG_DEBUG, "not to stderr");
	closelog();
}

static void logs(struct link *l, struct trace *t)
{
	with_stderr(l->client, to_the_log);
	receive_lines(l, t);
}

static void messages(void)
{
	const siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_USER};

	psignal(SIGUSR1, "psignal");
	psiginfo(&info, "psiginfo");
	herror("herror");
	perror("perror");
	perror(NULL);
	fflush(stderr);
	clearerr(stderr);
}

/* How much stdio tells there is another test's; none of it in the clear: the peer would choke. */
static void stderr_of_tls(void **state)
{
	char buf[4096], last[] = "last";
	struct link link;
	size_t n = 0;
	ssize_t r;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	with_stderr(link.client, messages);
	assert_int_equal(send(link.client, last, 4, 0), 4);
	link_drop(&link.client);
	while ((r = assert_ok(recv(link.server, buf + n, sizeof(buf) - n, 0))) > 0)
		n += (size_t)r;
	assert_true(n >= 4);
	assert_memory_equal(buf + n - 4, last, 4);
	link_close(&link);
}

static const struct compare_case cases[] = {
	{"names with underscores", underscored},
	{"__connect", connects},
	{"eventfd_read, eventfd_write", as_eventfd},
	{"backtrace_symbols_fd", traces_back},
	{"syslog with LOG_PERROR", logs},
};

static const struct CMUnitTest others[] = {CASE(stderr_of_tls)};

int main(void)
{
	return compare_main("othernames", cases, COUNT(cases), others, COUNT(others));
}
