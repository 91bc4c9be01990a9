/* SPDX-License-Identifier: MIT */
/*
 * sendfile and splice: bounded copies in the place of what the kernel would move by
 * itself. A pipe or file is waited for without any lock. Out of a pipe comes only what
 * there is room for, since it cannot be put back; into one goes plaintext that is taken
 * from the connection only as far as the pipe took it.
 */
#include "libc.h"
#include "receive.h"
#include "send.h"
#include "signals.h"
#include "sockets.h"
#include "transfer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>

/* Two records: cached until they are sent, and no burst for BBR, which paces by timers. */
enum { FILE_PIECE = 2 * ENGINE_MAX_PLAIN };

struct move {
	struct entry *e; /* of the TLS socket */
	int fd;		 /* its number */
	int other;	 /* the file or pipe */
	bool nonblock;	 /* the socket's */
	bool pipe_nonblock;
	bool more;
	bool placed; /* sendfile was given an offset */
	struct buffer piece;
};

/* Also for a handler that jumps away, which holds no signals. */
static void drop_piece(void *arg)
{
	struct move *m = arg;

	signals_hold();
	buffer_fini(&m->piece);
	signals_let();
}

static void drop_all(void *arg)
{
	struct move *m = arg;

	drop_piece(m);
	fdtable_put(m->e);
}

/* A number's flags if it can be read, or written: else -EBADF. */
static int flags_of(int fd, int other_mode)
{
	int flags = libc.fcntl64(fd, F_GETFL);

	return flags < 0 || (flags & O_PATH) || (flags & O_ACCMODE) == other_mode ? -EBADF : flags;
}

static bool is_pipe(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Reads a piece of the file without moving its position. */
static ssize_t read_file(struct move *m, off64_t pos, size_t n)
{
	ssize_t r;

	n = n < FILE_PIECE ? n : FILE_PIECE;
	r = libc.pread64(m->other, m->piece.data, n, pos);
	if (r < 0)
		r = -errno;
	/* What is no file with contents the kernel cannot send either. */
	if (r == -EISDIR || (r == -ESPIPE && !m->placed))
		r = -EINVAL;
	return r < 0 && flags_of(m->other, O_WRONLY) < 0 ? -EBADF : r;
}

/* MSG_MORE where more of the file is known to come: its end must not wait for more. */
static int more_flag(const struct move *m, off64_t next, size_t left)
{
	struct stat st;

	return left && fstat(m->other, &st) == 0 && next < st.st_size ? MSG_MORE : 0;
}

static ssize_t send_file(struct move *m, off64_t pos, size_t n)
{
	size_t done = 0;
	ssize_t r = 0;

	while (done < n) {
		off64_t at = pos + (off64_t)done;
		ssize_t got = read_file(m, at, n - done);
		const struct iovec iov = {m->piece.data, got > 0 ? (size_t)got : 0};

		r = got;
		if (got <= 0)
			break;
		r = transfer_send(m->e->object, m->fd, &iov, 1,
				  more_flag(m, at + got, n - done - (size_t)got));
		done += r > 0 ? (size_t)r : 0;
		if (r < got)
			break;
	}
	return done ? (ssize_t)done : r;
}

/* sendfile(2), rw_verify_area */
static bool is_range(off64_t pos, size_t n)
{
	return pos >= 0 && (ssize_t)n >= 0 && (off64_t)n <= INT64_MAX - pos;
}

/* Where to read: *pos, if the kernel would read there. */
static int file_position(int in, const off64_t *off, size_t n, off64_t *pos)
{
	/* The read itself tells what is wrong with the file. */
	if (off && n && is_range(*off, n)) {
		*pos = *off;
		return 0;
	}
	if (flags_of(in, O_WRONLY) < 0)
		return -EBADF;
	*pos = lseek64(in, 0, SEEK_CUR);
	if (*pos < 0)
		return off ? -ESPIPE : -EINVAL;
	*pos = off ? *off : *pos;
	return is_range(*pos, n) ? 0 : -EINVAL;
}

static ssize_t file_to_socket(struct move *m, off64_t *off, size_t n)
{
	off64_t pos = 0;
	ssize_t r = file_position(m->other, off, n, &pos);
	struct stat st;

	if (r < 0 || n == 0)
		return r;
	n = n < CURSOR_MOST ? n : CURSOR_MOST;
	m->placed = off;
	if (buffer_reserve(&m->piece, FILE_PIECE) < 0)
		return -ENOMEM;
	CLEANUP_PUSH(drop_piece, m);
	r = send_file(m, pos, n);
	CLEANUP_POP(1);
	/* In a device like /dev/zero there are no places. */
	if (r > 0 && fstat(m->other, &st) == 0 && S_ISCHR(st.st_mode))
		return r;
	if (r > 0 && off)
		*off = pos + r;
	else if (r > 0)
		lseek64(m->other, pos + r, SEEK_SET);
	return r;
}

static int poll_pipe(struct pollfd *p, int timeout)
{
	int n = libc.poll(p, 1, timeout);

	if (n < 0)
		return -errno;
	return n == 0 ? -EAGAIN : p->revents;
}

static int wait_once(struct move *m, struct pollfd *p)
{
	struct signals_wait signals;
	int r;

	CLEANUP_PUSH(drop_all, m);
	r = signals_open(&signals) ? -EINTR : poll_pipe(p, -1);
	signals_close(&signals);
	CLEANUP_POP(0);
	return r;
}

/* Waits for the pipe. Returns its events, or -EAGAIN, or -EINTR. */
static int wait_pipe(struct move *m, short events, bool nonblock)
{
	struct pollfd p = {.fd = m->other, .events = events};
	int r;

	if (nonblock)
		return poll_pipe(&p, 0);
	do
		r = wait_once(m, &p);
	while (r == -EINTR && signals_restart());
	return r;
}

/* On older kernels a pipe that another thread empties is waited for. */
static ssize_t read_waiting(struct move *m, size_t n)
{
	struct signals_wait signals;
	ssize_t r = -EINTR;

	CLEANUP_PUSH(drop_all, m);
	if (!signals_open(&signals)) {
		r = libc.read(m->other, m->piece.data, n);
		r = r < 0 ? -errno : r;
	}
	signals_close(&signals);
	CLEANUP_POP(0);
	return r;
}

/* Reads what the pipe has. */
static ssize_t read_pipe(struct move *m, size_t n)
{
	struct iovec iov = {m->piece.data, n < m->piece.cap ? n : m->piece.cap};
	ssize_t r = libc.preadv64v2(m->other, &iov, 1, -1, RWF_NOWAIT);

	if (r < 0 && errno == EOPNOTSUPP)
		return read_waiting(m, iov.iov_len);
	return r < 0 ? -errno : r;
}

/* One piece. Returns how many bytes, 0 at the pipe's end. */
static ssize_t splice_piece_out(struct move *m, size_t n, bool first)
{
	bool nonblock = m->pipe_nonblock || !first;
	ssize_t r, room;

	do {
		r = wait_pipe(m, POLLIN, nonblock);
		if (r < 0 || !(r & POLLIN))
			return r < 0 ? r : 0;
		room = connection_room(m->e->object, m->fd, m->nonblock);
		if (room < 0)
			return room;
		r = read_pipe(m, n < (size_t)room ? n : (size_t)room);
	} while (r == -EAGAIN && !nonblock); /* another thread was there before us */
	if (r > 0)
		r = connection_send_whole(m->e->object, m->fd, m->piece.data, (size_t)r, m->more);
	return r;
}

static ssize_t pipe_to_socket(struct move *m, size_t n)
{
	size_t done = 0;
	ssize_t r = 0;

	if (buffer_reserve(&m->piece, 1) < 0)
		return -ENOMEM;
	CLEANUP_PUSH(drop_piece, m);
	while (done < n) {
		r = splice_piece_out(m, n - done, done == 0);
		if (r <= 0)
			break;
		done += (size_t)r;
	}
	CLEANUP_POP(1);
	return done ? (ssize_t)done : transfer_told(r, 0);
}

struct outlet {
	struct sink sink;
	int pipe;
	int own[2]; /* -1 until they are needed */
};

static ssize_t through_own_pipe(struct outlet *o, const void *data, size_t n)
{
	ssize_t r;

	if (o->own[0] < 0 &&
	    libc.syscall(SYS_pipe2, (long)o->own, O_CLOEXEC | O_NONBLOCK, 0, 0, 0, 0) < 0)
		return -errno;
	r = libc.write(o->own[1], data, n);
	if (r > 0)
		r = libc.splice(o->own[0], NULL, o->pipe, NULL, (size_t)r, SPLICE_F_NONBLOCK);
	return r < 0 ? -errno : r;
}

/* Older kernels cannot write to a pipe that waits without waiting, but splice to it so. */
static ssize_t put_into_pipe(struct sink *sink, const void *data, size_t n)
{
	struct outlet *o = (struct outlet *)sink;
	const struct iovec iov = {(void *)(uintptr_t)data, n};
	ssize_t r = o->own[0] < 0 ? libc.pwritev64v2(o->pipe, &iov, 1, -1, RWF_NOWAIT) : -1;

	if (r < 0 && (o->own[0] >= 0 || errno == EOPNOTSUPP))
		return through_own_pipe(o, data, n);
	return r < 0 ? -errno : r;
}

static void drop_outlet(void *arg)
{
	struct outlet *o = arg;

	signals_hold();
	for (int i = 0; i < 2; i++)
		if (o->own[i] >= 0)
			libc.close(o->own[i]);
	buffer_fini(&o->sink.piece);
	signals_let();
}

static ssize_t socket_to_pipe(struct move *m, size_t n)
{
	struct outlet o = {.sink.take = put_into_pipe, .pipe = m->other, .own = {-1, -1}};
	ssize_t r;

	do {
		r = wait_pipe(m, POLLOUT, m->pipe_nonblock);
		if (r < 0)
			return r;
		if (r & POLLERR)
			return transfer_told(-EPIPE, 0);
		if (buffer_reserve(&o.sink.piece, 1) < 0)
			return -ENOMEM;
		CLEANUP_PUSH(drop_outlet, &o);
		r = connection_receive_into(m->e->object, m->fd, &o.sink, n);
		CLEANUP_POP(1);
		o.own[0] = o.own[1] = -1;
		/* Something came, but another thread has filled the pipe meanwhile. */
	} while (r == -EAGAIN && !m->nonblock && !m->pipe_nonblock &&
		 wait_pipe(m, POLLOUT, true) == -EAGAIN);
	return r;
}

static ssize_t finish(struct move *m, ssize_t r)
{
	fdtable_put(m->e);
	return r;
}

/* Returns 0 with the TLS socket's entry. */
static int start(struct move *m, int fd, int other)
{
	*m = (struct move){.e = fdtable_get(fd), .fd = fd, .other = other};
	return m->e && m->e->object ? 0 : (int)finish(m, -EBADF);
}

static ssize_t sendfile_in(int out, int in, const off64_t *off, size_t n)
{
	int flags = flags_of(out, O_RDONLY);
	struct move m;

	if (flags < 0 || flags_of(in, O_WRONLY) < 0)
		return -EBADF;
	if (off || !is_pipe(out))
		return off ? -ESPIPE : -EINVAL;
	if (start(&m, in, out) < 0)
		return -EBADF;
	m.nonblock = connection_nonblocking(in, 0);
	m.pipe_nonblock = flags & O_NONBLOCK;
	return finish(&m, n ? socket_to_pipe(&m, n) : 0);
}

ssize_t sockets_sendfile(int out, int in, off64_t *off, size_t n)
{
	struct move m;

	if (fdtable_has(in))
		return sendfile_in(out, in, off, n);
	return start(&m, out, in) < 0 ? -EBADF : finish(&m, file_to_socket(&m, off, n));
}

/* What the kernel refuses, in its order; one end at least is a socket. */
static int check_splice(int in, const off64_t *in_off, int out, const off64_t *out_off)
{
	bool from_pipe = is_pipe(in), to_pipe = is_pipe(out);

	if (flags_of(in, -1) < 0 || flags_of(out, -1) < 0)
		return -EBADF;
	if ((from_pipe && in_off) || (to_pipe && out_off))
		return -ESPIPE;
	if (flags_of(in, O_WRONLY) < 0 || flags_of(out, O_RDONLY) < 0)
		return -EBADF;
	return in_off || out_off || from_pipe == to_pipe ? -EINVAL : 0;
}

ssize_t sockets_splice(int in, const off64_t *in_off, int out, const off64_t *out_off, size_t n,
		       unsigned int flags)
{
	const unsigned int known =
		SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT;
	bool from_pipe = !fdtable_has(in);
	struct move m;
	int r;

	if (n == 0)
		return 0;
	r = flags & ~known ? -EINVAL : check_splice(in, in_off, out, out_off);
	if (r == 0)
		r = from_pipe ? start(&m, out, in) : start(&m, in, out);
	if (r < 0)
		return r;
	signals_cancel_point(drop_all, &m);
	m.nonblock = connection_nonblocking(m.fd, 0);
	m.pipe_nonblock = (flags & SPLICE_F_NONBLOCK) || connection_nonblocking(m.other, 0);
	m.more = flags & SPLICE_F_MORE;
	return finish(&m, from_pipe ? pipe_to_socket(&m, n) : socket_to_pipe(&m, n));
}
