/* SPDX-License-Identifier: MIT */
/*
 * Numbers that come back: a program closes a TLS socket where no library sees it, and the
 * number is the next file's, which must be served as the file that it is.
 */
#include "raw.h"
#include "trace.h"
#include <dirent.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* What fortified programs call. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);

static FILE *stream; /* what is to be closed by it */
static DIR *directory;
static int others[2]; /* further numbers that a creator has made */
static int passed;    /* a socketpair with a descriptor in it */

static int first_of(int made, const int ends[2])
{
	others[0] = ends[1];
	return made < 0 ? made : ends[0];
}

static int by_template(int (*make)(char *path))
{
	char path[] = "/tmp/tlssock-test-XXXXXX";
	int fd = make(path);

	unlink(path);
	return fd;
}

static int with_stream(FILE *file)
{
	stream = file;
	return file ? fileno(file) : -1;
}

static int by_pipe(void)
{
	int ends[2];

	return first_of(pipe(ends), ends);
}

static int by_pipe2(void)
{
	int ends[2];

	return first_of(pipe2(ends, O_CLOEXEC), ends);
}

static int by_socketpair(void)
{
	int ends[2];

	return first_of(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), ends);
}

static int by_opendir(void)
{
	directory = opendir("/");
	return directory ? dirfd(directory) : -1;
}

static int by_rights(void)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	int fd;

	if (recvmsg(passed, &msg, 0) != 1)
		return -1;
	memcpy(&fd, control.bytes + CMSG_LEN(0), sizeof(fd));
	return fd;
}

static int by_signalfd(void)
{
	sigset_t none;

	sigemptyset(&none);
	return signalfd(-1, &none, 0);
}

#define CREATORS(X)                                                                                \
	X(open("/dev/null", O_RDWR))                                                               \
	X(open64("/dev/zero", O_RDWR | O_CLOEXEC))                                                 \
	X(openat(AT_FDCWD, "/dev/null", O_WRONLY))                                                 \
	X(openat64(AT_FDCWD, "/dev/null", O_RDONLY))                                               \
	X(open("/tmp", O_TMPFILE | O_RDWR, 0600))                                                  \
	X(__open_2("/dev/null", O_RDWR))                                                           \
	X(__open64_2("/dev/null", O_RDWR))                                                         \
	X(__openat_2(AT_FDCWD, "/dev/null", O_RDWR))                                               \
	X(__openat64_2(AT_FDCWD, "/dev/null", O_RDWR))                                             \
	X(creat("/dev/null", 0600))                                                                \
	X(creat64("/dev/null", 0600))                                                              \
	X(by_template(mkstemp))                                                                    \
	X(by_template(mkstemp64))                                                                  \
	X(by_pipe())                                                                               \
	X(by_pipe2())                                                                              \
	X(by_socketpair())                                                                         \
	X(socket(AF_INET, SOCK_DGRAM, 0))                                                          \
	X(dup(0))                                                                                  \
	X(fcntl(0, F_DUPFD, 0))                                                                    \
	X(fcntl(0, F_DUPFD_CLOEXEC, 0))                                                            \
	X(memfd_create("test", 0))                                                                 \
	X(eventfd(1, EFD_NONBLOCK))                                                                \
	X(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC))                                            \
	X(by_signalfd())                                                                           \
	X(inotify_init())                                                                          \
	X(inotify_init1(IN_NONBLOCK))                                                              \
	X(epoll_create(1))                                                                         \
	X(epoll_create1(EPOLL_CLOEXEC))                                                            \
	X(pidfd_open(getpid(), 0))                                                                 \
	X(by_rights())                                                                             \
	X(with_stream(fopen("/dev/null", "r+")))                                                   \
	X(with_stream(fopen64("/dev/null", "w")))                                                  \
	X(with_stream(tmpfile()))                                                                  \
	X(by_opendir())                                                                            \
	X((int)syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDWR))                                 \
	X((int)syscall(SYS_memfd_create, "test", 0))                                               \
	X((int)syscall(SYS_dup, 0))

/* A TLS socket that is closed past all hooks. Returns the number that is free now. */
static int freed(const struct link *l)
{
	int fd = (int)assert_ok(socket(l->family, SOCK_STREAM, l->protocol));

	assert_ok(raw_close(fd));
	return fd;
}

static int close_new(int fd)
{
	int r = 0;

	if (stream)
		r = fclose(stream);
	else if (directory)
		r = closedir(directory);
	else
		r = close(fd);
	if (others[0] >= 0)
		close(others[0]);
	stream = NULL;
	directory = NULL;
	others[0] = -1;
	return r;
}

/* What the calls that a TLS socket serves itself say of a file. */
static void look_at_file(struct trace *t, int fd, const char *name)
{
	struct epoll_event event = {.events = EPOLLIN};
	int epfd = (int)assert_ok(epoll_create1(EPOLL_CLOEXEC)), value = -1;
	socklen_t len = sizeof(value);
	char buf[4] = "";
	int copy;

	trace_note(t, "%s\n", name);
	CALL(t, fcntl(fd, F_GETFD));
	CALL(t, fcntl(fd, F_SETFL, O_NONBLOCK));
	CALL(t, epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &event));
	CALL(t, read(fd, buf, 2));
	CALL(t, write(fd, "x", 1));
	CALL(t, send(fd, "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT));
	CALL(t, recv(fd, buf, 2, MSG_DONTWAIT));
	CALL(t, getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &value, &len));
	trace_note(t, "%d\n", value);
	CALL(t, ioctl(fd, FIOCLEX));
	CALL(t, fcntl(fd, F_GETFD));
	copy = dup(fd);
	CALL(t, write(copy, "x", 1));
	CALL(t, close(copy));
	close(epfd);
}

#define CASE_OF(creator)                                                                           \
	{                                                                                          \
		int number = freed(l), fd = creator;                                               \
		CALL(t, fd == number);                                                             \
		look_at_file(t, fd, #creator);                                                     \
		CALL(t, close_new(fd));                                                            \
		CALL(t, fcntl(number, F_GETFD));                                                   \
	}

/* A descriptor of /dev/null's, on its way. */
static void pass_one(int to)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec byte = trace_text(".");
	struct msghdr msg = {.msg_iov = &byte,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	int null = (int)assert_ok(open("/dev/null", O_RDWR | O_CLOEXEC));

	control.align = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(control.bytes + CMSG_LEN(0), &null, sizeof(null));
	assert_int_equal(sendmsg(to, &msg, 0), 1);
	close(null);
}

static void creators(struct link *l, struct trace *t)
{
	int ends[2];

	others[0] = -1;
	assert_ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
	passed = ends[0];
	pass_one(ends[1]);
	CREATORS(CASE_OF)
	close(ends[0]);
	close(ends[1]);
}

/* A connection, of which a duplicate is left or not. Its new file nobody has announced. */
static void unseen(struct link *l, struct trace *t)
{
	int copy = dup(l->client), number = l->client, fd;
	char buf[8];

	CALL(t, send(l->server, "left", 4, 0));
	CALL(t, raw_close(number));
	fd = (int)raw_syscall(SYS_openat, AT_FDCWD, (long)"/dev/null", O_RDWR, 0, 0, 0);
	CALL(t, fd == number);
	CALL(t, fcntl(fd, F_GETFD));
	CALL(t, fcntl(fd, F_DUPFD, 100));
	CALL(t, write(100, "x", 1));
	CALL(t, close(100));
	CALL(t, write(fd, "x", 1));
	CALL(t, close(fd));
	CALL(t, close(fd));
	trace_bytes(t, buf, CALL(t, recv(copy, buf, sizeof(buf), 0)));
	CALL(t, send(copy, "good", 4, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	l->client = copy;
}

/* Calls on what is closed, and on a number that dup2 takes over. */
static void gone(struct link *l, struct trace *t)
{
	int number = freed(l);

	CALL(t, close(number));
	CALL(t, close(number));
	number = freed(l);
	CALL(t, dup2(l->client, number) == number);
	CALL(t, send(number, "by it", 5, 0));
	CALL(t, close(number));
	number = freed(l);
	CALL(t, dup2(number, 100));
	number = freed(l);
	CALL(t, dup2(0, number) == number);
	CALL(t, write(number, "x", 0));
	CALL(t, close(number));
}

/* Daemons close everything at their start: what the library holds is not the program's. */
static void close_everything(struct link *l, struct trace *t)
{
	char buf[8];
	int first = l->server > l->client ? l->server : l->client;

	for (int fd = first + 1; fd < 1024; fd++)
		close(fd);
	CALL(t, close_range(1024, ~0U, 0));
	CALL(t, send(l->client, "goes on", 7, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	closefrom(first + 1);
	CALL(t, close_range(l->client, l->client, 0x1000));
	CALL(t, close_range(5, 4, 0));
	CALL(t, send(l->client, "still", 5, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, close_range(l->client, l->client, CLOSE_RANGE_CLOEXEC));
	CALL(t, fcntl(l->client, F_GETFD));
	CALL(t, close_range(l->client, l->client, 0));
	CALL(t, fcntl(l->client, F_GETFD));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
	l->client = -1;
}

static void fcntls(struct link *l, struct trace *t)
{
	static const int commands[] = {F_GETFL,	     F_GETOWN,	   F_GETSIG,	F_GETLEASE,
				       F_GETPIPE_SZ, F_SETPIPE_SZ, F_GET_SEALS, 12345};
	struct flock lock = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	struct f_owner_ex owner = {F_OWNER_PID, getpid()};

	for (size_t i = 0; i < COUNT(commands); i++)
		NAMED(t, "command", fcntl(l->client, commands[i], 4096));
	CALL(t, fcntl(l->client, F_SETOWN, getpid()));
	CALL(t, fcntl(l->client, F_GETOWN) == getpid());
	CALL(t, fcntl(l->client, F_SETOWN_EX, &owner));
	CALL(t, fcntl(l->client, F_SETSIG, SIGIO));
	CALL(t, fcntl(l->client, F_GETSIG));
	CALL(t, fcntl(l->client, F_GETLK, &lock));
	trace_note(t, "%d\n", lock.l_type);
	CALL(t, fcntl(l->client, F_SETLK, &lock));
	CALL(t, fcntl(l->client, F_SETFL, O_NONBLOCK));
	CALL(t, fcntl(l->client, F_GETFL));
	CALL(t, fcntl(l->client, F_DUPFD, -1));
	CALL(t, fcntl(l->client, F_DUPFD, 1 << 30));
	CALL(t, fcntl(l->client, F_SETFD, FD_CLOEXEC | 2));
	CALL(t, fcntl(l->client, F_GETFD));
	CALL(t, dup3(l->client, 100, O_NONBLOCK));
	CALL(t, dup2(l->client, -1));
	CALL(t, dup2(-1, l->client));
	CALL(t, dup2(l->client, 1 << 30));
	CALL(t, send(l->client, "on", 2, 0));
}

static void by_copy(struct link *l, struct trace *t, int copy)
{
	char buf[16];

	CALL(t, send(copy, "by the copy", 11, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
	CALL(t, close(copy));
	CALL(t, send(l->client, "still", 5, 0));
	trace_bytes(t, buf, CALL(t, recv(l->server, buf, sizeof(buf), 0)));
}

/* By the name in libc, and by number. */
static void by_pidfd(struct link *l, struct trace *t)
{
	int self = (int)assert_ok(pidfd_open(getpid(), 0));
	int copy = (int)assert_ok(pidfd_getfd(self, l->client, 0));

	CALL(t, fcntl(copy, F_GETFD));
	by_copy(l, t, copy);
	copy = (int)assert_ok(syscall(SYS_pidfd_getfd, self, l->client, 0));
	by_copy(l, t, copy);
	CALL(t, pidfd_getfd(self, -1, 0));
	close(self);
}

static const struct compare_case cases[] = {
	{"pidfd_getfd", by_pidfd},
	{"the calls that make descriptors", creators},
	{"a file that nobody has announced", unseen},
	{"closed past the library", gone},
	{"closing everything", close_everything},
	{"fcntl", fcntls},
};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	closefrom(3); /* a case does so, and descriptors are counted */
	return compare_main("numbers", cases, COUNT(cases), NULL, 0);
}
