/* SPDX-License-Identifier: MIT */
/*
 * Programs of socket calls, made by chance, run on TCP and on TLS: results, errno
 * values, events and bytes must be the same. After each call the program waits until
 * what it sent has arrived, so that nothing is a matter of time; and no more is on its
 * way than the smallest buffer takes, so that nothing is a matter of room.
 *
 * Differences that are allowed, and therefore not looked at: after a reset TCP tells the
 * error once and then the end of the stream, a TLS socket the error each time, unless
 * close_notify had come before, and the
 * kernel does not know it any more; a socket that is shut down in both directions says
 * EPIPE, where TCP first tells of a reset; close_notify to a peer that has closed draws a
 * reset, as data does; what is sent to a closed socket is taken by the
 * lingerer, where TCP resets.
 */
#include "chance.h"
#include "proc.h"
#include "stream.h"
#include "trace.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <tlssock.h>
#include <unistd.h>

/* In each of four runs: linked, preloaded, TLS 1.2, 1.3. A sanitizer needs its time. */
#ifdef __SANITIZE_ADDRESS__
enum { PROGRAMS = 500 };
#else
enum { PROGRAMS = 2500 };
#endif

enum { MOST_CALLS = 40, MOST_UNDERWAY = 20000, PATIENCE_MS = 5000 };

struct end {
	int fd; /* -1: closed */
	uint64_t sent, received;
	bool shut_write, shut_read;
};

struct program {
	struct rng rng;
	struct trace *trace;
	struct end ends[2];
	int epfd;
	bool over;
};

/* Returns the end's state for the kernel, and how many bytes it has in common with the other. */
static struct tcp_info info_of(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	if (fd >= 0)
		assert_ok(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return info;
}

static bool saw_end(const struct tcp_info *info)
{
	return info->tcpi_state == BPF_TCP_CLOSE_WAIT || info->tcpi_state == BPF_TCP_LAST_ACK ||
	       info->tcpi_state == BPF_TCP_CLOSING || info->tcpi_state == BPF_TCP_CLOSE ||
	       info->tcpi_state == BPF_TCP_TIME_WAIT;
}

/*
 * The acknowledgement of a FIN is an event: it must not be a matter of time, so the other
 * end sends it at once.
 */
static bool fin_acknowledged(const struct tcp_info *source, const struct end *to)
{
	if (source->tcpi_state != BPF_TCP_FIN_WAIT1 && source->tcpi_state != BPF_TCP_LAST_ACK &&
	    source->tcpi_state != BPF_TCP_CLOSING)
		return true;
	assert_ok(setsockopt(to->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int)));
	return false;
}

/* All that one end sent is at the other. */
static bool arrived(const struct end *from, const struct end *to)
{
	struct tcp_info source = info_of(from->fd), target = info_of(to->fd);

	if (to->fd < 0 || target.tcpi_state == BPF_TCP_CLOSE || source.tcpi_state == BPF_TCP_CLOSE)
		return true;
	if (from->fd < 0 || from->shut_write)
		return saw_end(&target) && (from->fd < 0 || fin_acknowledged(&source, to));
	return source.tcpi_notsent_bytes == 0 &&
	       target.tcpi_bytes_received >= source.tcpi_bytes_sent - source.tcpi_bytes_retrans;
}

static void settle(struct program *p)
{
	int64_t end = test_now_ms() + PATIENCE_MS;

	while (!arrived(&p->ends[0], &p->ends[1]) || !arrived(&p->ends[1], &p->ends[0])) {
		if (test_now_ms() > end)
			fail_msg("what was sent does not arrive");
		sched_yield();
	}
}

static uint64_t unread(const struct program *p, int i)
{
	return p->ends[1 - i].sent - p->ends[i].received;
}

/* What they would answer at other times or in other amounts, or see above. */
static bool skip_send(const struct program *p, int i, size_t n)
{
	const struct end *e = &p->ends[i];

	return p->ends[1 - i].fd < 0 || unread(p, 1 - i) + n > MOST_UNDERWAY ||
	       (e->shut_write && e->shut_read);
}

static size_t some(struct rng *rng)
{
	static const size_t highs[] = {1, 20, 1400, 5000, 18000};

	return rng_range(rng, 1, highs[rng_range(rng, 0, COUNT(highs) - 1)]);
}

static void do_send(struct program *p, int i)
{
	static char bytes[18000];
	struct end *e = &p->ends[i];
	size_t n = some(&p->rng), first = rng_range(&p->rng, 0, n);
	struct iovec iov[2] = {{bytes, first}, {bytes + first, n - first}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	int flags = MSG_NOSIGNAL | (rng_once_in(&p->rng, 2) ? MSG_DONTWAIT : 0);
	bool many = rng_once_in(&p->rng, 3);
	long r;

	if (skip_send(p, i, n))
		return;
	stream_fill(e->sent, bytes, n);
	if (many)
		r = NAMED(p->trace, "sendmsg", sendmsg(e->fd, &msg, flags));
	else
		r = NAMED(p->trace, "send", send(e->fd, bytes, n, flags));
	e->sent += r > 0 ? (uint64_t)r : 0;
}

static void do_receive(struct program *p, int i)
{
	static const int kinds[] = {
		0, 0, 0, MSG_PEEK, MSG_WAITALL, MSG_TRUNC, MSG_PEEK | MSG_WAITALL};
	static char bytes[18000];
	struct end *e = &p->ends[i];
	size_t n = some(&p->rng), first = rng_range(&p->rng, 0, n);
	struct iovec iov[2] = {{bytes, first}, {bytes + first, n - first}};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
	int flags = kinds[rng_range(&p->rng, 0, COUNT(kinds) - 1)] | MSG_DONTWAIT;
	bool many = rng_once_in(&p->rng, 3);
	long r;

	memset(bytes, 0, sizeof(bytes));
	if (many)
		r = NAMED(p->trace, "recvmsg", recvmsg(e->fd, &msg, flags));
	else
		r = NAMED(p->trace, "recv", recv(e->fd, bytes, n, flags));
	p->over = r < 0 && errno == ECONNRESET;
	trace_note(p->trace, "\tof %zu with %x, %d\n", n, (unsigned int)flags, many);
	if (r <= 0)
		return;
	if (!(flags & MSG_TRUNC))
		assert_int_equal(stream_mismatch(e->received, bytes, (size_t)r), r);
	if (!(flags & MSG_PEEK))
		e->received += (uint64_t)r;
}

static void do_poll(struct program *p, int i)
{
	static const short masks[] = {POLLIN, POLLOUT, POLLIN | POLLOUT, POLLIN | POLLRDHUP, 0};
	struct pollfd raw[2], fds[2];

	for (int k = 0; k < 2; k++) {
		short mask = masks[rng_range(&p->rng, 0, COUNT(masks) - 1)];

		fds[k] = raw[k] = (struct pollfd){.fd = p->ends[k].fd, .events = mask};
	}
	(void)i;
	/* The kernel's own answer is the same, but for an error that was taken from it. */
	trace_note(p->trace, "kernel's poll %ld:", syscall(SYS_poll, raw, 2, 0));
	trace_note(p->trace, " %x %x\n", raw[0].revents & ~POLLERR, raw[1].revents & ~POLLERR);
	NAMED(p->trace, "poll", poll(fds, 2, 0));
	trace_note(p->trace, "\t%x %x\n", fds[0].revents, fds[1].revents);
}

static void do_select(struct program *p, int i)
{
	struct timeval none = {0, 0};
	fd_set r, w;

	FD_ZERO(&r);
	FD_ZERO(&w);
	FD_SET(p->ends[i].fd, &r);
	FD_SET(p->ends[i].fd, &w);
	NAMED(p->trace, "select", select(p->ends[i].fd + 1, &r, &w, NULL, &none));
	trace_note(p->trace, "\t%d %d\n", FD_ISSET(p->ends[i].fd, &r) != 0,
		   FD_ISSET(p->ends[i].fd, &w) != 0);
}

static void do_epoll_ctl(struct program *p, int i)
{
	static const uint32_t masks[] = {EPOLLIN, EPOLLIN | EPOLLOUT, EPOLLIN | EPOLLRDHUP,
					 EPOLLOUT};
	static const uint32_t kinds[] = {0, 0, EPOLLET, EPOLLONESHOT};
	static const int ops[] = {EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL};
	struct epoll_event event = {.data.u32 = (uint32_t)i};
	int op = ops[rng_range(&p->rng, 0, COUNT(ops) - 1)];

	event.events = masks[rng_range(&p->rng, 0, COUNT(masks) - 1)] |
		       kinds[rng_range(&p->rng, 0, COUNT(kinds) - 1)];
	NAMED(p->trace, "epoll_ctl", epoll_ctl(p->epfd, op, p->ends[i].fd, &event));
	trace_note(p->trace, "\top %d end %d events %x\n", op, i, event.events);
}

static void do_epoll_wait(struct program *p, int i)
{
	struct epoll_event events[2];
	uint32_t seen[2] = {0};
	long n;

	(void)i;
	n = NAMED(p->trace, "epoll_wait", epoll_wait(p->epfd, events, 2, 0));
	for (long k = 0; k < n; k++)
		seen[events[k].data.u32] = events[k].events;
	trace_note(p->trace, "\t%x %x\n", seen[0], seen[1]);
}

static void do_shutdown(struct program *p, int i)
{
	int how = (int)rng_range(&p->rng, 0, 2);
	struct end *e = &p->ends[i], *other = &p->ends[1 - i];

	if (!rng_once_in(&p->rng, 4))
		return;
	NAMED(p->trace, "shutdown", shutdown(e->fd, how));
	trace_note(p->trace, "\tend %d how %d\n", i, how);
	e->shut_write |= how != SHUT_RD;
	e->shut_read |= how != SHUT_WR;
	p->over |= e->shut_write && (other->fd < 0 || (other->shut_read && other->shut_write));
}

static void do_mode(struct program *p, int i)
{
	int on = (int)rng_range(&p->rng, 0, 1);

	if (rng_once_in(&p->rng, 2))
		NAMED(p->trace, "FIONBIO", ioctl(p->ends[i].fd, FIONBIO, &on));
	else
		NAMED(p->trace, "F_SETFL", fcntl(p->ends[i].fd, F_SETFL, on ? O_NONBLOCK : 0));
	NAMED(p->trace, "F_GETFL", fcntl(p->ends[i].fd, F_GETFL));
}

static void do_error(struct program *p, int i)
{
	socklen_t len = sizeof(int);
	int error = -1;

	NAMED(p->trace, "SO_ERROR", getsockopt(p->ends[i].fd, SOL_SOCKET, SO_ERROR, &error, &len));
	trace_note(p->trace, "\t%d\n", error);
	p->over |= error != 0;
}

static void do_dup(struct program *p, int i)
{
	int fd = (int)assert_ok(dup(p->ends[i].fd));

	/* The set's registration is the old number's. */
	(void)epoll_ctl(p->epfd, EPOLL_CTL_DEL, p->ends[i].fd, NULL);
	NAMED(p->trace, "close of a duplicate's original", close(p->ends[i].fd));
	p->ends[i].fd = fd;
}

/* What is seen of a reset; TCP tells the error once, and a TLS socket each time. */
static void after_reset(struct program *p, int i)
{
	do_poll(p, i);
	while (NAMED(p->trace, "recv", recv(p->ends[i].fd, (char[100]){0}, 100, MSG_DONTWAIT)) > 0)
		;
	p->over = true;
}

static void do_close(struct program *p, int i)
{
	bool reset = unread(p, i) > 0, ended = p->ends[i].shut_write;

	if (!rng_once_in(&p->rng, 8) || p->ends[1 - i].fd < 0)
		return;
	NAMED(p->trace, "close", close(p->ends[i].fd));
	trace_note(p->trace, "\tend %d\n", i);
	p->ends[i].fd = -1;
	settle(p);
	if (reset && !ended)
		after_reset(p, 1 - i);
	p->over |= reset;
	p->over |= p->ends[1 - i].shut_read && p->ends[1 - i].shut_write;
}

static void (*const actions[])(struct program *p, int i) = {
	do_send,       do_send,	      do_send,	   do_receive, do_receive, do_receive,
	do_receive,    do_poll,	      do_poll,	   do_select,  do_error,   do_epoll_ctl,
	do_epoll_wait, do_epoll_wait, do_shutdown, do_mode,    do_dup,	   do_close,
};

static void run(unsigned int seed, int protocol, struct trace *trace)
{
	struct program p = {.rng = rng_seed(seed), .trace = trace};
	struct link link;
	size_t calls;

	*trace = (struct trace){0};
	link_open(&link, protocol, AF_INET);
	p.ends[0].fd = link.client;
	p.ends[1].fd = link.server;
	p.epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC));
	calls = rng_range(&p.rng, 1, MOST_CALLS);
	for (size_t n = 0; n < calls && !p.over; n++) {
		int i = (int)rng_range(&p.rng, 0, 1);
		size_t action = rng_range(&p.rng, 0, COUNT(actions) - 1);

		if (p.ends[i].fd < 0)
			i = 1 - i;
		actions[action](&p, i);
		settle(&p);
	}
	close(p.epfd);
	link.client = p.ends[0].fd;
	link.server = p.ends[1].fd;
	link_close(&link);
}

static void programs(void **state)
{
	static struct trace tcp, tls;
	unsigned int first, n = chance_seeds(PROGRAMS, &first);

	(void)state;
	for (unsigned int seed = first; seed < first + n; seed++) {
		run(seed, IPPROTO_TCP, &tcp);
		run(seed, IPPROTO_TLS, &tls);
		if (strcmp(tcp.text, tls.text) != 0) {
			print_message("# TLSSOCK_TEST_SEED=%u\n", seed);
			if (n == 1) {
				printf("On TCP:\n%s\n", tcp.text);
				printf("On TLS:\n%s\n", tls.text);
			}
			trace_compare(&tcp, &tls);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {CASE(programs)};

	return compare_main("differential", NULL, 0, tests, COUNT(tests));
}
