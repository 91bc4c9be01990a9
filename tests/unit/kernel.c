/* SPDX-License-Identifier: MIT */
#include "kernel.h"
#include "libc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>

struct kernel kernel;
static struct libc real;

enum { ENDLESS = 100000 };

static bool fails(const char *call)
{
	/* A loop that never ends shall fail, not hang. */
	if (++kernel.calls > ENDLESS)
		fail_msg("the library calls %s without end", call);
	if (!kernel.failing || strcmp(kernel.failing, call) != 0)
		return false;
	if (kernel.failing_in > 1) {
		kernel.failing_in--;
		return false;
	}
	if (!kernel.failing_on)
		kernel.failing = NULL;
	errno = kernel.failing_error;
	return true;
}

void kernel_fail(const char *call, unsigned int in, int error)
{
	kernel.failing = call;
	kernel.failing_in = in;
	kernel.failing_on = false;
	kernel.failing_error = error;
}

static void tick(void)
{
	if (kernel.tick)
		kernel.tick(kernel.arg);
}

static ssize_t fault(int error)
{
	errno = error;
	return -1;
}

static void see_empty(void)
{
	kernel.seen_empty = true;
	kernel.late = 0;
}

/* Waits until the receive queue has something. -1: as recv would fail. */
static int wait_readable(int flags)
{
	while (kernel.rx.len == 0 && !kernel.fin && !kernel.shut_rd) {
		see_empty();
		if ((flags & MSG_DONTWAIT) || kernel.nonblock || !kernel.wait ||
		    !kernel.wait(kernel.arg)) {
			errno = EAGAIN;
			return -1;
		}
	}
	return 0;
}

static ssize_t receive(const struct iovec *iov, size_t n, int flags)
{
	size_t asked = 0, done = 0;

	tick();
	kernel.looks++;
	if (wait_readable(flags) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		size_t left = kernel.rx.len - done;
		size_t len = iov[i].iov_len < left ? iov[i].iov_len : left;

		asked += iov[i].iov_len;
		if (len && !(flags & MSG_TRUNC))
			memcpy(iov[i].iov_base, buffer_head(&kernel.rx) + done, len);
		done += len;
	}
	if (done < asked)
		see_empty();
	if (!(flags & MSG_PEEK) && done)
		buffer_consume(&kernel.rx, done);
	return (ssize_t)done;
}

static ssize_t fake_recv(int fd, void *buf, size_t n, int flags)
{
	const struct iovec iov = {buf, n};

	if (fd != KERNEL_FD)
		return fault(EBADF);
	return fails("recv") ? -1 : receive(&iov, 1, flags);
}

static ssize_t fake_recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (fd != KERNEL_FD)
		return fault(EBADF);
	return fails("recvmsg") ? -1 : receive(msg->msg_iov, msg->msg_iovlen, flags);
}

/* What is dropped is asked for by its number. */
static long fake_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_recvfrom)
		return fake_recv((int)a, (void *)b, (size_t)c, (int)d);
	return real.syscall(number, a, b, c, d, e, f);
}

static size_t send_room(void)
{
	size_t used = kernel.queued + kernel.hidden;

	return used < kernel.sndbuf ? kernel.sndbuf - used : 0;
}

static void take(const uint8_t *data, size_t n)
{
	assert_int_equal(buffer_append(&kernel.tx, data, n), 0);
	kernel.queued += n;
}

static ssize_t fake_send(int fd, const void *buf, size_t n, int flags)
{
	bool nonblock = (flags & MSG_DONTWAIT) || kernel.nonblock;
	size_t done = 0;

	if (fd != KERNEL_FD)
		return fault(EBADF);
	if (fails("send"))
		return -1;
	if (kernel.shut_wr)
		return fault(EPIPE);
	while (done < n) {
		size_t room = send_room(), len = n - done < room ? n - done : room;

		take((const uint8_t *)buf + done, len);
		done += len;
		if (len || done == n)
			continue;
		if (nonblock || !kernel.wait || !kernel.wait(kernel.arg))
			break;
	}
	if (nonblock && done)
		*(done < n ? &kernel.split_sends : &kernel.full_sends) += 1;
	return done ? (ssize_t)done : fault(EAGAIN);
}

/* As sk_stream_is_writeable(): a third of the buffer is free. */
static bool writable(void)
{
	size_t room = kernel.queued < kernel.sndbuf ? kernel.sndbuf - kernel.queued : 0;

	if (kernel.lowat && kernel.queued >= kernel.lowat)
		return false;
	return room >= kernel.queued / 2 && room > 0;
}

static short ready(short events)
{
	short revents = 0;

	if (kernel.rx.len || kernel.fin || kernel.shut_rd)
		revents |= POLLIN;
	if (kernel.fin || kernel.shut_rd)
		revents |= POLLRDHUP;
	if (writable() || kernel.shut_wr)
		revents |= POLLOUT;
	return revents & events;
}

static int fake_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	tick();
	if (fails("poll"))
		return -1;
	for (nfds_t i = 0; i < n; i++)
		fds[i].revents = 0;
	for (;;) {
		fds[0].revents = fds[0].fd == KERNEL_FD ? ready(fds[0].events) : 0;
		if (fds[0].revents)
			return 1;
		if (timeout == 0)
			return 0;
		if (kernel.wait && (kernel.wait(kernel.arg) || kernel.shut_wr))
			continue;
		if (timeout < 0 || timeout > 1000)
			fail_msg("the library waits for what never comes");
		/* The library looks at the clock afterwards. */
		return real.poll(NULL, 0, timeout);
	}
}

static int give(void *v, socklen_t *len, const void *value, size_t size)
{
	memcpy(v, value, *len < size ? *len : size);
	*len = (socklen_t)size;
	return 0;
}

static int fake_getsockopt(int fd, int level, int name, void *v, socklen_t *len)
{
	const struct timeval tv = {kernel.timeout_ms / 1000, kernel.timeout_ms % 1000 * 1000};
	unsigned int mem[SK_MEMINFO_VARS] = {0};
	int value = 0;

	if (fd != KERNEL_FD)
		return (int)fault(EBADF);
	if (fails("getsockopt"))
		return -1;
	mem[SK_MEMINFO_SNDBUF] = (unsigned int)kernel.sndbuf;
	mem[SK_MEMINFO_WMEM_QUEUED] = (unsigned int)kernel.queued;
	if (level == IPPROTO_TCP && name == TCP_NOTSENT_LOWAT)
		value = (int)kernel.lowat;
	else if (level != SOL_SOCKET)
		return (int)fault(ENOPROTOOPT);
	if (level == SOL_SOCKET && name == SO_MEMINFO)
		return give(v, len, mem, sizeof(mem));
	if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO))
		return give(v, len, &tv, sizeof(tv));
	if (level == SOL_SOCKET && name == SO_ERROR) {
		value = kernel.so_error;
		kernel.so_error = 0;
	}
	return give(v, len, &value, sizeof(value));
}

static int fake_setsockopt(int fd, int level, int name, const void *v, socklen_t len)
{
	(void)v;
	(void)len;
	kernel.told += level == SOL_SOCKET && name == SO_RCVLOWAT;
	return fd != KERNEL_FD ? (int)fault(EBADF) : fails("setsockopt") ? -1 : 0;
}

static int fake_shutdown(int fd, int how)
{
	if (fd != KERNEL_FD)
		return (int)fault(EBADF);
	if (fails("shutdown"))
		return -1;
	kernel.shut_rd |= how != SHUT_WR;
	kernel.shut_wr |= how != SHUT_RD;
	return 0;
}

static int fake_fcntl(int fd, int cmd, ...)
{
	if (fd != KERNEL_FD || cmd != F_GETFL)
		return (int)fault(EBADF);
	return fails("fcntl64") ? -1 : O_RDWR | (kernel.nonblock ? O_NONBLOCK : 0);
}

static int fake_ioctl(int fd, unsigned long request, ...)
{
	va_list ap;
	int *out;

	va_start(ap, request);
	out = va_arg(ap, int *);
	va_end(ap);
	if (fd != KERNEL_FD || (request != SIOCOUTQNSD && request != SIOCOUTQ))
		return (int)fault(EBADF);
	if (fails("ioctl"))
		return -1;
	*out = (int)kernel.queued;
	return 0;
}

void kernel_start(void)
{
	libc_bind();
	real = libc;
	kernel = (struct kernel){.sndbuf = 87040};
	libc.recv = fake_recv;
	libc.recvmsg = fake_recvmsg;
	libc.syscall = fake_syscall;
	libc.send = fake_send;
	libc.poll = fake_poll;
	libc.getsockopt = fake_getsockopt;
	libc.setsockopt = fake_setsockopt;
	libc.shutdown = fake_shutdown;
	libc.fcntl64 = fake_fcntl;
	libc.ioctl = fake_ioctl;
}

void kernel_stop(void)
{
	buffer_fini(&kernel.rx);
	buffer_fini(&kernel.tx);
	libc = real;
}

void kernel_arrive(const void *data, size_t n)
{
	assert_int_equal(buffer_append(&kernel.rx, data, n), 0);
	kernel.late += n;
}

size_t kernel_fetch(void *to, size_t max)
{
	size_t n = max < kernel.tx.len ? max : kernel.tx.len;

	if (n == 0)
		return 0;
	memcpy(to, buffer_head(&kernel.tx), n);
	buffer_consume(&kernel.tx, n);
	kernel.queued -= n;
	return n;
}
