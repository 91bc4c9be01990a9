/* SPDX-License-Identifier: MIT */
/* Calls on descriptors and on the connection as such, for fuzz.h. */
#include "fuzz.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { HIGH = 100 };

void fuzz_shutdown(struct fuzz *f, int i)
{
	int how = (int)rng_range(&f->rng, 0, 2);
	struct fuzz_end *e = &f->ends[i], *other = &f->ends[1 - i];

	if (!rng_once_in(&f->rng, 4))
		return;
	NAMED(f->trace, "shutdown", shutdown(e->fd, how));
	trace_note(f->trace, "\tend %d how %d\n", i, how);
	e->shut_write |= how != SHUT_RD;
	e->shut_read |= how != SHUT_WR;
	f->over |= e->shut_write && (other->fd < 0 || (other->shut_read && other->shut_write));
}

void fuzz_mode(struct fuzz *f, int i)
{
	int on = (int)rng_range(&f->rng, 0, 1), fd = f->ends[i].fd;

	if (rng_once_in(&f->rng, 2))
		NAMED(f->trace, "FIONBIO", ioctl(fd, FIONBIO, &on));
	else
		NAMED(f->trace, "F_SETFL", fcntl(fd, F_SETFL, on ? O_NONBLOCK : 0));
	NAMED(f->trace, "F_GETFL", fcntl(fd, F_GETFL));
	f->ends[i].nonblocking = on;
}

static void ask_error(struct fuzz *f, int fd)
{
	socklen_t len = sizeof(int);
	int error = -1;

	NAMED(f->trace, "SO_ERROR", getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	trace_note(f->trace, "\t%d\n", error);
	f->over |= error != 0;
}

static void ask_queue(struct fuzz *f, int fd)
{
	int n = -1;

	NAMED(f->trace, "FIONREAD", ioctl(fd, FIONREAD, &n));
	trace_note(f->trace, "\t%d\n", n);
}

static void ask_what_it_has_not(struct fuzz *f, int fd)
{
	char byte = 0;

	NAMED(f->trace, "lseek", lseek(fd, 0, SEEK_CUR));
	NAMED(f->trace, "pread", pread(fd, &byte, 1, 0));
	NAMED(f->trace, "pwrite", pwrite(fd, &byte, 1, 0));
	NAMED(f->trace, "F_SETPIPE_SZ", fcntl(fd, F_SETPIPE_SZ, 4096));
}

void fuzz_ask(struct fuzz *f, int i)
{
	int fd = f->ends[i].fd, mark = -1;
	union net_address name;
	socklen_t len = sizeof(name);

	switch (rng_range(&f->rng, 0, 4)) {
	case 0:
		ask_error(f, fd);
		break;
	case 1:
	case 2:
		ask_queue(f, fd);
		break;
	case 3:
		NAMED(f->trace, "SIOCATMARK", ioctl(fd, SIOCATMARK, &mark));
		NAMED(f->trace, "F_GETFD", fcntl(fd, F_GETFD));
		NAMED(f->trace, "getpeername", getpeername(fd, &name.any, &len));
		break;
	default:
		break;
	}
	if (rng_once_in(&f->rng, 10) && fd >= 0)
		ask_what_it_has_not(f, fd);
}

static int duplicate(struct fuzz *f, int fd, int to)
{
	switch (rng_range(&f->rng, 0, 4)) {
	case 0:
		return dup(fd);
	case 1:
		return dup2(fd, to);
	case 2:
		return dup3(fd, to, O_CLOEXEC);
	case 3:
		return fcntl(fd, F_DUPFD, HIGH);
	default:
		return fcntl(fd, F_DUPFD_CLOEXEC, HIGH);
	}
}

/* Another number, over another file's or a new one; and the old one closed. */
void fuzz_renumber(struct fuzz *f, int i)
{
	struct fuzz_end *e = &f->ends[i];
	int spare = (int)assert_ok(open("/dev/null", O_RDONLY | O_CLOEXEC));
	int fd = (int)assert_ok(duplicate(f, e->fd, spare));

	if (fd != spare)
		close(spare);
	NAMED(f->trace, "F_GETFD of a duplicate", fcntl(fd, F_GETFD));
	/* The set's registration is the old number's. */
	(void)epoll_ctl(f->epfd, EPOLL_CTL_DEL, e->fd, NULL);
	if (rng_once_in(&f->rng, 3))
		NAMED(f->trace, "close_range of a duplicate's original",
		      close_range((unsigned int)e->fd, (unsigned int)e->fd, 0));
	else
		NAMED(f->trace, "close of a duplicate's original", close(e->fd));
	e->fd = fd;
}

/* What is seen of a reset; TCP tells the error once, and a TLS socket each time. */
static void after_reset(struct fuzz *f, int i)
{
	char bytes[100];

	fuzz_poll(f, i);
	while (NAMED(f->trace, "recv", recv(f->ends[i].fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		continue;
	f->over = true;
}

void fuzz_close(struct fuzz *f, int i)
{
	bool reset = fuzz_unread(f, i) > 0, ended = f->ends[i].shut_write;

	if (!rng_once_in(&f->rng, 8) || f->ends[1 - i].fd < 0)
		return;
	NAMED(f->trace, "close", close(f->ends[i].fd));
	trace_note(f->trace, "\tend %d\n", i);
	f->ends[i].fd = -1;
	fuzz_settle(f);
	if (reset && !ended)
		after_reset(f, 1 - i);
	f->over |= reset;
	f->over |= f->ends[1 - i].shut_read && f->ends[1 - i].shut_write;
}
