/* SPDX-License-Identifier: MIT */
/* Calls that receive, for fuzz.h. */
#include "fuzz.h"
#include "stream.h"

#include <fcntl.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { TIMEOUT_US = 2000, RWF_NOWAIT_FLAG = 0x8 };

/* What a call gave: the right bytes, that are received then unless it only looked at them. */
static void received(struct fuzz *f, int i, const char *bytes, long r, int flags)
{
	struct fuzz_end *e = &f->ends[i];

	f->over |= r < 0 && errno == ECONNRESET;
	if (r <= 0)
		return;
	if (!(flags & MSG_TRUNC))
		assert_int_equal(stream_mismatch(e->received, bytes, (size_t)r), r);
	if (!(flags & MSG_PEEK))
		e->received += (uint64_t)r;
}

static long receive_message(struct fuzz *f, int fd, struct iovec *pieces, size_t count, int flags)
{
	union fuzz_control control = {0};
	union net_address name = {0};
	struct msghdr msg = {.msg_iov = pieces,
			     .msg_iovlen = count,
			     .msg_control = &control,
			     .msg_controllen = rng_range(&f->rng, 0, sizeof(control)),
			     .msg_name = &name,
			     .msg_namelen = sizeof(name)};
	long r = NAMED(f->trace, "recvmsg", recvmsg(fd, &msg, flags));
	int error = errno;

	if (r >= 0)
		trace_note(f->trace, "\tflags %x, control %zu, name %u\n",
			   (unsigned int)msg.msg_flags, msg.msg_controllen, msg.msg_namelen);
	errno = error;
	return r;
}

static long receive_from(struct fuzz *f, int fd, char *bytes, size_t n, int flags)
{
	union net_address name = {0};
	socklen_t len = sizeof(name);
	long r = NAMED(f->trace, "recvfrom", recvfrom(fd, bytes, n, flags, &name.any, &len));
	int error = errno;

	if (r >= 0)
		trace_note(f->trace, "\tname %u\n", len);
	errno = error;
	return r;
}

void fuzz_receive(struct fuzz *f, int i)
{
	static const int kinds[] = {0,
				    0,
				    0,
				    MSG_PEEK,
				    MSG_WAITALL,
				    MSG_TRUNC,
				    MSG_TRUNC,
				    MSG_PEEK | MSG_WAITALL,
				    MSG_PEEK | MSG_TRUNC};
	static char bytes[FUZZ_MOST_BYTES];
	struct fuzz_end *e = &f->ends[i];
	size_t n = fuzz_some(&f->rng), count, kind = rng_range(&f->rng, 0, 7);
	int flags = kinds[rng_range(&f->rng, 0, COUNT(kinds) - 1)] | MSG_DONTWAIT;
	struct iovec pieces[FUZZ_PIECES];
	long r;

	count = fuzz_pieces(&f->rng, bytes, n, pieces);
	memset(bytes, 0, sizeof(bytes));
	/* Only the last four say by themselves that they do not wait. */
	if (kind < 3 && !e->nonblocking)
		kind += 3;
	flags = kind < 4 ? 0 : flags;
	trace_note(f->trace, "%zu in %zu of end %d, flags %x\n", n, count, i, (unsigned int)flags);
	if (kind == 0)
		r = NAMED(f->trace, "read", read(e->fd, bytes, n));
	else if (kind == 1)
		r = NAMED(f->trace, "readv", readv(e->fd, pieces, (int)count));
	else if (kind == 2)
		r = NAMED(f->trace, "preadv2", preadv2(e->fd, pieces, (int)count, -1, 0));
	else if (kind == 3)
		r = NAMED(f->trace, "preadv2, RWF_NOWAIT",
			  preadv2(e->fd, pieces, (int)count, -1, RWF_NOWAIT_FLAG));
	else if (kind == 4)
		r = receive_message(f, e->fd, pieces, count, flags);
	else if (kind == 5)
		r = receive_from(f, e->fd, bytes, n, flags);
	else
		r = NAMED(f->trace, "recv", recv(e->fd, bytes, n, flags));
	received(f, i, bytes, r, flags);
}

void fuzz_receive_list(struct fuzz *f, int i)
{
	static char bytes[FUZZ_MOST_BYTES];
	struct mmsghdr list[FUZZ_PIECES] = {0};
	struct iovec pieces[FUZZ_PIECES];
	size_t n = fuzz_some(&f->rng), count = fuzz_pieces(&f->rng, bytes, n, pieces);
	int flags = MSG_DONTWAIT | (rng_once_in(&f->rng, 2) ? MSG_WAITFORONE : 0);
	long r;

	for (size_t k = 0; k < count; k++)
		list[k].msg_hdr = (struct msghdr){.msg_iov = &pieces[k], .msg_iovlen = 1};
	trace_note(f->trace, "%zu in %zu of end %d\n", n, count, i);
	r = NAMED(f->trace, "recvmmsg",
		  recvmmsg(f->ends[i].fd, list, (unsigned int)count, flags, NULL));
	f->over |= r < 0 && errno == ECONNRESET;
	for (long k = 0; k < r; k++) {
		trace_note(f->trace, "\t%u, flags %x\n", list[k].msg_len,
			   (unsigned int)list[k].msg_hdr.msg_flags);
		received(f, i, pieces[k].iov_base, list[k].msg_len, 0);
	}
}

/* All of it, or as much as there is when the time is over. */
void fuzz_receive_timed(struct fuzz *f, int i)
{
	const struct timeval timeout = {0, TIMEOUT_US}, none = {0, 0};
	static char bytes[FUZZ_MOST_BYTES];
	int fd = f->ends[i].fd, flags = rng_once_in(&f->rng, 3) ? 0 : MSG_WAITALL, error;
	size_t n = fuzz_some(&f->rng);
	long r;

	if (!rng_once_in(&f->rng, 3))
		return;
	assert_ok(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	trace_note(f->trace, "%zu of end %d, flags %x\n", n, i, (unsigned int)flags);
	r = NAMED(f->trace, "recv in time", recv(fd, bytes, n, flags));
	error = errno;
	assert_ok(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &none, sizeof(none)));
	errno = error;
	received(f, i, bytes, r, flags);
}

/*
 * How many pages a pipe has for how many pieces of the kernel's queue is TCP's matter, so
 * it is done until nothing comes.
 */
void fuzz_splice_out(struct fuzz *f, int i)
{
	static char bytes[FUZZ_MOST_BYTES];
	size_t n = fuzz_some(&f->rng), at = 0;
	long r = 1;
	int ends[2], error;

	if (!f->ends[i].nonblocking)
		return;
	assert_ok(pipe2(ends, O_CLOEXEC | O_NONBLOCK));
	while (at < n && r > 0) {
		r = splice(f->ends[i].fd, NULL, ends[1], NULL, n - at, SPLICE_F_NONBLOCK);
		error = errno;
		if (r > 0)
			assert_int_equal(read(ends[0], bytes + at, (size_t)r), r);
		at += r > 0 ? (size_t)r : 0;
		errno = error;
	}
	trace_note(f->trace, "splice to a pipe: %zu of %zu of end %d, then %s\n", at, n, i,
		   r < 0    ? strerrorname_np(errno)
		   : r == 0 ? "the end"
			    : "enough");
	received(f, i, bytes, r < 0 && at == 0 ? r : (long)at, 0);
	f->over |= r < 0 && errno == ECONNRESET;
	close(ends[0]);
	close(ends[1]);
}
