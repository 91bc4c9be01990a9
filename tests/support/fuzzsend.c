/* SPDX-License-Identifier: MIT */
/* Calls that send, for fuzz.h. */
#include "fuzz.h"
#include "stream.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum { MOST_UNDERWAY = 20000 };

/* What they would answer at other times or in other amounts, or is an allowed difference. */
static bool left_out(const struct fuzz *f, int i, size_t n)
{
	const struct fuzz_end *e = &f->ends[i];

	return f->ends[1 - i].fd < 0 || fuzz_unread(f, 1 - i) + n > MOST_UNDERWAY ||
	       (e->shut_write && e->shut_read);
}

/* As many as were taken; and what MSG_MORE keeps back leaves now, not after 0.2 seconds. */
static void sent(struct fuzz_end *e, long r)
{
	e->sent += r > 0 ? (uint64_t)r : 0;
	assert_ok(setsockopt(e->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)));
}

/* Control data as TCP has none: for other sockets, and unknown. */
static void add_control(struct rng *rng, struct msghdr *msg, union fuzz_control *control)
{
	static const int types[] = {SCM_RIGHTS, SCM_CREDENTIALS, 77};

	if (!rng_once_in(rng, 4))
		return;
	memset(control, 0, sizeof(*control));
	control->header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
					   .cmsg_level = SOL_SOCKET,
					   .cmsg_type = types[rng_range(rng, 0, COUNT(types) - 1)]};
	msg->msg_control = control;
	msg->msg_controllen = CMSG_SPACE(sizeof(int));
}

static long send_list(struct fuzz *f, int fd, struct iovec *pieces, size_t count, int flags)
{
	struct mmsghdr list[FUZZ_PIECES] = {0};
	long r, sum = 0;

	for (size_t k = 0; k < count; k++)
		list[k].msg_hdr = (struct msghdr){.msg_iov = &pieces[k], .msg_iovlen = 1};
	r = NAMED(f->trace, "sendmmsg", sendmmsg(fd, list, (unsigned int)count, flags));
	for (long k = 0; k < r; k++) {
		trace_note(f->trace, "\t%u", list[k].msg_len);
		sum += list[k].msg_len;
	}
	trace_note(f->trace, "\n");
	return r < 0 ? r : sum;
}

static long send_message(struct fuzz *f, int fd, struct iovec *pieces, size_t count, int flags)
{
	struct msghdr msg = {.msg_iov = pieces, .msg_iovlen = count};
	union fuzz_control control;

	add_control(&f->rng, &msg, &control);
	return NAMED(f->trace, "sendmsg", sendmsg(fd, &msg, flags));
}

void fuzz_send(struct fuzz *f, int i)
{
	static const int more[] = {0, 0, 0, MSG_MORE, MSG_EOR, MSG_CONFIRM, MSG_DONTROUTE};
	static char bytes[FUZZ_MOST_BYTES];
	struct fuzz_end *e = &f->ends[i];
	size_t n = fuzz_some(&f->rng), count, kind = rng_range(&f->rng, 0, 7);
	int flags = MSG_NOSIGNAL | (rng_once_in(&f->rng, 2) ? MSG_DONTWAIT : 0);
	struct iovec pieces[FUZZ_PIECES];
	long r;

	flags |= more[rng_range(&f->rng, 0, COUNT(more) - 1)];
	count = fuzz_pieces(&f->rng, bytes, n, pieces);
	/* The first message of a list would draw a reset, and what comes of that is told once. */
	if (kind == 4 && f->ends[1 - i].shut_read && f->ends[1 - i].shut_write)
		kind++;
	if (left_out(f, i, n))
		return;
	stream_fill(e->sent, bytes, n);
	trace_note(f->trace, "%zu of end %d, flags %x\n", n, i, (unsigned int)flags);
	if (kind == 0)
		r = NAMED(f->trace, "write", write(e->fd, bytes, n));
	else if (kind == 1)
		r = NAMED(f->trace, "writev", writev(e->fd, pieces, (int)count));
	else if (kind == 2)
		r = NAMED(f->trace, "pwritev2", pwritev2(e->fd, pieces, (int)count, -1, 0));
	else if (kind == 3)
		r = NAMED(f->trace, "sendto", sendto(e->fd, bytes, n, flags, NULL, 0));
	else if (kind == 4)
		r = send_list(f, e->fd, pieces, count, flags);
	else if (kind == 5)
		r = send_message(f, e->fd, pieces, count, flags);
	else
		r = NAMED(f->trace, "send", send(e->fd, bytes, n, flags));
	sent(e, r);
}

/* Of a file that has the end's next bytes in it, after others. */
void fuzz_sendfile(struct fuzz *f, int i)
{
	static char bytes[FUZZ_MOST_BYTES];
	struct fuzz_end *e = &f->ends[i];
	size_t n = fuzz_some(&f->rng), before = rng_range(&f->rng, 0, 100);
	size_t asked = n + rng_range(&f->rng, 0, 1) * 10;
	bool by_offset = rng_once_in(&f->rng, 2);
	off_t offset = (off_t)before;
	int file;

	if (left_out(f, i, n))
		return;
	file = (int)assert_ok(memfd_create("fuzz", MFD_CLOEXEC));
	stream_fill(e->sent, bytes, n);
	assert_int_equal(pwrite(file, bytes, n, offset), n);
	assert_int_equal(lseek(file, by_offset ? 3 : offset, SEEK_SET), by_offset ? 3 : offset);
	sent(e,
	     NAMED(f->trace, "sendfile", sendfile(e->fd, file, by_offset ? &offset : NULL, asked)));
	trace_note(f->trace, "\tof %zu, offset %ld, position %ld\n", asked, (long)offset,
		   (long)lseek(file, 0, SEEK_CUR));
	close(file);
}

/* Out of a pipe that has the end's next bytes in it. */
void fuzz_splice_in(struct fuzz *f, int i)
{
	static const unsigned int kinds[] = {0, SPLICE_F_NONBLOCK, SPLICE_F_MORE, SPLICE_F_MOVE};
	static char bytes[FUZZ_MOST_BYTES];
	struct fuzz_end *e = &f->ends[i];
	size_t n = fuzz_some(&f->rng), asked = rng_range(&f->rng, 1, 2 * n);
	unsigned int flags = kinds[rng_range(&f->rng, 0, COUNT(kinds) - 1)];
	int ends[2], left = -1;
	long r;

	if (left_out(f, i, n))
		return;
	assert_ok(pipe2(ends, O_CLOEXEC));
	stream_fill(e->sent, bytes, n);
	assert_int_equal(write(ends[1], bytes, n), n);
	close(ends[1]);
	r = NAMED(f->trace, "splice from a pipe", splice(ends[0], NULL, e->fd, NULL, asked, flags));
	sent(e, r);
	assert_ok(ioctl(ends[0], FIONREAD, &left));
	trace_note(f->trace, "\t%zu of %zu, flags %x; left %d\n", asked, n, flags,
		   r < 0 ? 0 : left);
	close(ends[0]);
}
