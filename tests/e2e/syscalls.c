/* SPDX-License-Identifier: MIT */
/* The socket calls by syscall(2), which says what the kernel would of a TCP socket. */
#include "child.h"
#include "raw.h"
#include "trace.h"
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/close_range.h>
#include <linux/io_uring.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <tlssock.h>
#include <unistd.h>

static void data_calls(struct link *l, struct trace *t)
{
	struct iovec out[2] = {trace_text("two "), trace_text("parts")};
	char buf[16], more[16];
	struct iovec in[2] = {{buf, 3}, {more, 9}};
	struct msghdr msg = {.msg_iov = out, .msg_iovlen = 2};

	CALL(t, syscall(SYS_write, l->client, "write", 5));
	trace_bytes(t, buf, CALL(t, syscall(SYS_read, l->server, buf, 16)));
	CALL(t, syscall(SYS_writev, l->client, out, 2));
	CALL(t, syscall(SYS_readv, l->server, in, 2));
	trace_bytes(t, buf, 3);
	trace_bytes(t, more, 6);
	CALL(t, syscall(SYS_sendto, l->server, "sendto", 6, MSG_NOSIGNAL, NULL, 0));
	trace_bytes(t, buf, CALL(t, syscall(SYS_recvfrom, l->client, buf, 16, 0, NULL, NULL)));
	CALL(t, syscall(SYS_sendmsg, l->server, &msg, 0));
	msg.msg_iov = in;
	CALL(t, syscall(SYS_recvmsg, l->client, &msg, MSG_PEEK));
	CALL(t, syscall(SYS_recvmsg, l->client, &msg, 0));
	trace_bytes(t, more, 6);
	CALL(t, syscall(SYS_recvfrom, l->client, buf, 16, MSG_DONTWAIT, NULL, NULL));
	CALL(t, syscall(SYS_readv, l->client, in, -1));
	CALL(t, syscall(SYS_writev, l->client, out, 100000));
	CALL(t, syscall(SYS_pread64, l->client, buf, 1, 0L));
	CALL(t, syscall(SYS_pwrite64, l->client, "x", 1, 0L));
	CALL(t, syscall(SYS_lseek, l->client, 0, SEEK_SET));
}

static void option_calls(struct link *l, struct trace *t)
{
	union net_address address;
	socklen_t length = sizeof(address);
	int value = 1, left = -1;

	CALL(t,
	     syscall(SYS_setsockopt, l->client, SOL_SOCKET, SO_KEEPALIVE, &value, sizeof(value)));
	length = sizeof(value);
	CALL(t, syscall(SYS_getsockopt, l->client, SOL_SOCKET, SO_KEEPALIVE, &value, &length));
	length = sizeof(address);
	CALL(t, syscall(SYS_getpeername, l->client, &address, &length));
	trace_note(t, "%d %u\n", value, length);
	CALL(t, syscall(SYS_write, l->server, "seven b", 7));
	CALL(t, syscall(SYS_poll, &(struct pollfd){.fd = l->client, .events = POLLIN}, 1, 10000));
	CALL(t, syscall(SYS_ioctl, l->client, FIONREAD, &left));
	trace_note(t, "%d\n", left);
	CALL(t, syscall(SYS_fcntl, l->client, F_GETFD));
	CALL(t, syscall(SYS_fcntl, l->client, F_SETFD, FD_CLOEXEC));
	CALL(t, syscall(SYS_fcntl, l->client, F_GETFD));
	CALL(t, syscall(SYS_shutdown, l->server, SHUT_WR));
}

/* Numbers, which come and go. */
static void number_calls(struct link *l, struct trace *t)
{
	int copy = (int)CALL(t, syscall(SYS_dup, l->client));
	char buf[16];

	CALL(t, syscall(SYS_dup3, l->client, 100, O_CLOEXEC));
	CALL(t, syscall(SYS_dup3, l->client, l->client, 0));
	CALL(t, syscall(SYS_fcntl, l->client, F_DUPFD, 101));
	CALL(t, syscall(SYS_fcntl, 100, F_GETFD));
	CALL(t, syscall(SYS_write, 101, "by 101", 6));
	trace_bytes(t, buf, CALL(t, syscall(SYS_read, l->server, buf, 16)));
	CALL(t, syscall(SYS_close_range, 100, 101, 0));
	CALL(t, syscall(SYS_write, 101, "x", 1));
	CALL(t, syscall(SYS_close, l->client));
	CALL(t, syscall(SYS_close, l->client));
	CALL(t, syscall(SYS_write, copy, "by copy", 7));
	trace_bytes(t, buf, CALL(t, syscall(SYS_read, l->server, buf, 16)));
	CALL(t, syscall(SYS_dup3, 0, copy, 0) == copy);
	CALL(t, syscall(SYS_read, l->server, buf, 16)); /* the end, with close_notify */
	CALL(t, syscall(SYS_close, copy));
	l->client = -1;
}

/* A connection that is made by syscall() alone. */
static void connecting_calls(struct link *l, struct trace *t)
{
	int fd = (int)assert_ok(syscall(SYS_socket, l->family, SOCK_STREAM, l->protocol)), in;
	union net_address address;
	socklen_t length = net_loopback(&address, l->family, l->port);
	struct epoll_event event;
	int epfd = (int)assert_ok(syscall(SYS_epoll_create1, EPOLL_CLOEXEC));
	char buf[16];

	if (l->protocol == IPPROTO_TLS) {
		tls_set_text(fd, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
		tls_set_text(fd, TLS_HOSTNAME, "localhost");
	}
	CALL(t, syscall(SYS_fcntl, fd, F_SETFL, O_NONBLOCK));
	CALL(t, syscall(SYS_connect, fd, &address, length));
	in = (int)assert_ok(syscall(SYS_accept4, l->listener, NULL, NULL, SOCK_CLOEXEC));
	CALL(t, syscall(SYS_fcntl, in, F_GETFD));
	while (syscall(SYS_write, fd, "first", 5) < 0 && errno == EAGAIN)
		syscall(SYS_recvfrom, in, buf, 16, MSG_DONTWAIT | MSG_PEEK, NULL, NULL);
	trace_bytes(t, buf, CALL(t, syscall(SYS_read, in, buf, 16)));
	event = (struct epoll_event){.events = EPOLLIN};
	CALL(t, syscall(SYS_epoll_ctl, epfd, EPOLL_CTL_ADD, fd, &event));
	CALL(t, syscall(SYS_write, in, "second", 6));
	CALL(t, syscall(SYS_epoll_pwait, epfd, &event, 1, 10000, NULL, 0));
	trace_bytes(t, buf, CALL(t, syscall(SYS_read, fd, buf, 16)));
	CALL(t, syscall(SYS_bind, fd, &address, length));
	CALL(t, syscall(SYS_listen, l->listener, 5));
	CALL(t, syscall(SYS_close, fd));
	CALL(t, syscall(SYS_read, in, buf, 16));
	CALL(t, syscall(SYS_close, in));
	close(epfd);
}

static int leave_by_exit_group(void *arg)
{
	syscall(SYS_write, *(int *)arg, "last words", 10);
	return (int)syscall(SYS_exit_group, 7);
}

static void exit_group(struct link *l, struct trace *t)
{
	char buf[16];

	CALL(t, child_finish(child_start(leave_by_exit_group, &l->client)));
	trace_bytes(t, buf, CALL(t, syscall(SYS_read, l->server, buf, 16)));
}

/* What is the kernel's stays the kernel's. */
static void other_calls(struct link *l, struct trace *t)
{
	char *text[] = {NULL};

	(void)l;
	CALL(t, syscall(SYS_getpid) == getpid());
	CALL(t, syscall(100000, 1, 2, 3, 4, 5, 6));
	CALL(t, syscall(-1));
	CALL(t, syscall(SYS_close, -1));
	CALL(t, syscall(SYS_execve, "/nowhere", text, text));
	CALL(t, syscall(SYS_execveat, AT_FDCWD, "/nowhere", text, text, 0));
	CALL(t, syscall(SYS_socket, AF_INET, SOCK_STREAM, 300));
}

/* A ring would carry plaintext: there is none while there are TLS sockets. */
static void io_uring(void **state)
{
	struct io_uring_params params = {0};
	int fd, ring = (int)syscall(SYS_io_uring_setup, 1, &params), error = errno;

	(void)state;
	if (ring >= 0)
		close(ring);
	fd = (int)assert_ok(socket(AF_INET, SOCK_STREAM, IPPROTO_TLS));
	params = (struct io_uring_params){0};
	assert_fails(syscall(SYS_io_uring_setup, 1, &params), ENOSYS);
	assert_ok(close(fd));
	fd = (int)syscall(SYS_io_uring_setup, 1, &params);
	assert_int_equal(fd >= 0, ring >= 0);
	if (fd >= 0)
		close(fd);
	else
		assert_int_equal(errno, error);
}

/* As io_submit(2): how many were taken; the error, if the first was not. */
static long submit(aio_context_t context, struct iocb **list, long n)
{
	struct io_event events[4];
	long taken = syscall(SYS_io_submit, context, n, list);

	for (long done = 0; done < taken;)
		done += assert_ok(syscall(SYS_io_getevents, context, 1, 4, events, NULL));
	return taken;
}

/* The kernel's own asynchronous I/O would carry plaintext, too. */
static void io_submit(void **state)
{
	char out[] = "in the clear", buf[16] = "";
	struct iocb write_ours = {.aio_lio_opcode = IOCB_CMD_PWRITE, .aio_buf = (uintptr_t)out},
		    write_other = {.aio_lio_opcode = IOCB_CMD_PWRITE, .aio_buf = (uintptr_t)out},
		    look = {.aio_lio_opcode = IOCB_CMD_POLL, .aio_buf = POLLOUT};
	struct iocb *list[] = {&look, &write_other, &write_ours};
	aio_context_t context = 0;
	struct link link;
	int ends[2];

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	write_ours.aio_fildes = look.aio_fildes = (uint32_t)link.client;
	write_other.aio_fildes = (uint32_t)ends[0];
	write_ours.aio_nbytes = write_other.aio_nbytes = sizeof(out) - 1;
	assert_ok(syscall(SYS_io_setup, 4, &context));
	assert_fails(submit(context, list + 2, 1), EINVAL);
	assert_int_equal(submit(context, list, 3), 2);
	assert_int_equal(submit(context, list, 0), 0);
	assert_int_equal(recv(ends[1], buf, sizeof(buf), 0), sizeof(out) - 1);
	assert_int_equal(send(link.client, "sealed", 6, 0), 6);
	assert_int_equal(recv(link.server, buf, sizeof(buf), 0), 6);
	assert_memory_equal(buf, "sealed", 6);
	assert_ok(syscall(SYS_io_destroy, context));
	close(ends[0]);
	close(ends[1]);
	link_close(&link);
}

static const struct compare_case cases[] = {
	{"data", data_calls},	    {"options", option_calls},
	{"numbers", number_calls},  {"connecting", connecting_calls},
	{"exit_group", exit_group}, {"others", other_calls},
};

static const struct CMUnitTest more[] = {CASE(io_uring), CASE(io_submit)};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return compare_main("syscalls", cases, COUNT(cases), more, COUNT(more));
}
