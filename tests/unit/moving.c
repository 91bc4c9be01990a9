/* SPDX-License-Identifier: MIT */
/*
 * sendfile and splice with calls on the file or pipe that fail, fall short, or are not
 * there as on older kernels: no byte is lost, and none comes twice.
 */
#include "libc.h"
#include "output.h"
#include "sockets.h"
#include "stream.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

enum { FILE_BYTES = 200000, PIPE_BYTES = 40000 };

/* What happens to a call on the other end, in turn from the first; after the last no more. */
static struct {
	const char *call;
	unsigned int in; /* how many go well before */
	int error;	 /* 0: it falls short, by half */
	bool for_good;
} fault;
static bool no_numbers; /* for a pipe */
static struct libc fake, real;

/* Returns how many bytes this call is to move of n; -1: none, and errno says why. */
static ssize_t allowed(const char *call, size_t n)
{
	if (!fault.call || strcmp(call, fault.call) != 0 || (fault.in > 0 && fault.in-- > 0))
		return (ssize_t)n;
	if (!fault.for_good)
		fault.call = NULL;
	if (fault.error == 0)
		return n > 1 ? (ssize_t)n / 2 : (ssize_t)n;
	errno = fault.error;
	return -1;
}

static int other_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	if (fds[0].fd == KERNEL_FD)
		return fake.poll(fds, n, timeout);
	return allowed("poll", 1) < 0 ? -1 : real.poll(fds, n, timeout);
}

static int other_fcntl(int fd, int cmd, ...)
{
	return fd == KERNEL_FD ? fake.fcntl64(fd, cmd, NULL) : real.fcntl64(fd, cmd, NULL);
}

static ssize_t other_pread(int fd, void *buf, size_t n, off64_t off)
{
	ssize_t r = allowed("pread", n);

	return r < 0 ? r : real.pread64(fd, buf, (size_t)r, off);
}

static ssize_t other_preadv(int fd, const struct iovec *iov, int n, off64_t off, int flags)
{
	struct iovec less = *iov;
	ssize_t r = allowed("preadv2", iov->iov_len);

	less.iov_len = r < 0 ? 0 : (size_t)r;
	return r < 0 ? r : real.preadv64v2(fd, &less, n, off, flags);
}

static ssize_t other_pwritev(int fd, const struct iovec *iov, int n, off64_t off, int flags)
{
	struct iovec less = *iov;
	ssize_t r = allowed("pwritev2", iov->iov_len);

	less.iov_len = r < 0 ? 0 : (size_t)r;
	return r < 0 ? r : real.pwritev64v2(fd, &less, n, off, flags);
}

static long other_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_pipe2 && no_numbers) {
		errno = EMFILE;
		return -1;
	}
	return fake.syscall(number, a, b, c, d, e, f);
}

static struct wire *open_wire(void **state)
{
	struct wire *w;

	libc_bind();
	real = libc;
	w = wire_open(((const struct versioned *)*state)->version, true, 1);
	fake = libc;
	libc.poll = other_poll;
	libc.fcntl64 = other_fcntl;
	libc.pread64 = other_pread;
	libc.preadv64v2 = other_preadv;
	libc.pwritev64v2 = other_pwritev;
	libc.syscall = other_syscall;
	memset(&fault, 0, sizeof(fault));
	kernel.sndbuf = 2 * FILE_BYTES;
	return w;
}

struct fault_row {
	const char *title, *call;
	unsigned int in;
	int error;
	bool for_good;
	ssize_t result; /* of the call */
};

static void set_fault(const struct fault_row *row)
{
	fault.call = row->call;
	fault.in = row->in;
	fault.error = row->error;
	fault.for_good = row->for_good;
}

/* All that has come to the peer is the stream's start, of this length. */
static void check_arrived(struct wire *w, size_t length)
{
	static uint8_t got[FILE_BYTES + 1];
	size_t done = 0;

	wire_fetch(w, SIZE_MAX);
	while (end_receive(&w->peer) > 0)
		done += engine_read(w->peer.engine, got + done, sizeof(got) - done);
	assert_int_equal(done, length);
	assert_int_equal(stream_mismatch(0, got, done), done);
}

static const struct fault_row file_rows[] = {
	{"pread fails", "pread", 0, EIO, false, -EIO},
	{"pread is interrupted", "pread", 0, EINTR, false, -EINTR},
	{"what is read is a directory", "pread", 0, EISDIR, false, -EINVAL},
	{"pread fails behind the first piece", "pread", 1, EIO, false, 0},
	{"pread falls short once", "pread", 0, 0, false, FILE_BYTES},
	{"pread falls short each time", "pread", 0, 0, true, FILE_BYTES},
};

static void send_file(void **state)
{
	const struct fault_row *row = ((const struct versioned *)*state)->row;
	static uint8_t bytes[FILE_BYTES];
	struct wire *w = open_wire(state);
	int file = (int)assert_ok(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
	off64_t off = 0;
	ssize_t r;

	stream_fill(0, bytes, sizeof(bytes));
	assert_int_equal(write(file, bytes, sizeof(bytes)), sizeof(bytes));
	assert_ok(lseek(file, 0, SEEK_SET));
	set_fault(row);
	r = sockets_sendfile(KERNEL_FD, file, NULL, FILE_BYTES);
	if (row->result)
		assert_int_equal(r, row->result);
	else
		assert_in_range(r, 1, FILE_BYTES - 1);
	off = lseek(file, 0, SEEK_CUR);
	assert_int_equal(off, r > 0 ? r : 0);
	fault.call = NULL;
	if (off < FILE_BYTES)
		assert_int_equal(sockets_sendfile(KERNEL_FD, file, &off, FILE_BYTES),
				 FILE_BYTES - (r > 0 ? r : 0));
	assert_int_equal(off, FILE_BYTES);
	check_arrived(w, FILE_BYTES);
	close(file);
}

static const struct fault_row out_rows[] = {
	{"the pipe cannot be read", "preadv2", 0, EIO, false, -EIO},
	{"another thread has emptied the pipe", "preadv2", 0, EAGAIN, false, PIPE_BYTES},
	{"a kernel without RWF_NOWAIT for pipes", "preadv2", 0, EOPNOTSUPP, true, PIPE_BYTES},
	{"reads of a pipe fall short", "preadv2", 0, 0, true, PIPE_BYTES},
	{"the wait for a pipe is interrupted", "poll", 0, EINTR, false, -EINTR},
};

static void fill_pipe(int ends[2])
{
	static uint8_t bytes[PIPE_BYTES];

	stream_fill(0, bytes, sizeof(bytes));
	assert_ok(pipe2(ends, O_CLOEXEC));
	assert_int_equal(write(ends[1], bytes, sizeof(bytes)), sizeof(bytes));
}

static void splice_out(void **state)
{
	const struct fault_row *row = ((const struct versioned *)*state)->row;
	struct wire *w = open_wire(state);
	int ends[2];
	ssize_t r;

	fill_pipe(ends);
	set_fault(row);
	r = sockets_splice(ends[0], NULL, KERNEL_FD, NULL, FILE_BYTES, 0);
	assert_int_equal(r, row->result);
	fault.call = NULL;
	close(ends[1]);
	if (r < 0)
		r = sockets_splice(ends[0], NULL, KERNEL_FD, NULL, FILE_BYTES, 0);
	assert_int_equal(r, PIPE_BYTES);
	assert_int_equal(sockets_splice(ends[0], NULL, KERNEL_FD, NULL, 1, 0), 0);
	check_arrived(w, PIPE_BYTES);
	close(ends[0]);
}

/* The kernel says that it has room, and then takes less: what left the pipe is kept. */
static void room_that_is_not_there(void **state)
{
	struct wire *w = open_wire(state);
	int ends[2], sealed = -1;
	uint8_t next;

	fill_pipe(ends);
	kernel.nonblock = true;
	kernel.hidden = kernel.sndbuf - 1000;
	assert_int_equal(sockets_splice(ends[0], NULL, KERNEL_FD, NULL, FILE_BYTES, 0), PIPE_BYTES);
	assert_true(output_pending(w->c));
	assert_int_equal(sockets_ioctl(fdtable_get(KERNEL_FD), KERNEL_FD, SIOCOUTQ, &sealed), 0);
	assert_true(kernel.queued < PIPE_BYTES && sealed > PIPE_BYTES);
	stream_fill(PIPE_BYTES, &next, 1);
	assert_int_equal(write(ends[1], &next, 1), 1);
	assert_int_equal(sockets_splice(ends[0], NULL, KERNEL_FD, NULL, 1, 0), -EAGAIN);
	kernel.hidden = 0;
	assert_int_equal(sockets_splice(ends[0], NULL, KERNEL_FD, NULL, FILE_BYTES, 0), 1);
	check_arrived(w, PIPE_BYTES + 1);
	close(ends[0]);
	close(ends[1]);
}

static const struct fault_row in_rows[] = {
	{"a kernel without RWF_NOWAIT, as it writes", "pwritev2", 0, EOPNOTSUPP, true, PIPE_BYTES},
	{"a pipe is full after all", "pwritev2", 0, EAGAIN, true, -EAGAIN},
	{"a pipe is full after the first piece", "pwritev2", 1, EAGAIN, true, 0},
	{"a pipe takes half", "pwritev2", 0, 0, true, 0},
	{"nobody reads the pipe", "pwritev2", 0, EPIPE, true, -EPIPE},
	{"the wait for room is interrupted", "poll", 0, EINTR, false, -EINTR},
};

/* What the pipe has, and then the rest by recv: together the stream. */
static void check_taken(struct wire *w, int pipe, ssize_t taken)
{
	static uint8_t bytes[PIPE_BYTES];
	size_t n = taken > 0 ? (size_t)taken : 0;

	if (n)
		assert_int_equal(read(pipe, bytes, sizeof(bytes)), n);
	if (n < sizeof(bytes))
		assert_int_equal(wire_receive(w, bytes + n, sizeof(bytes), MSG_DONTWAIT),
				 sizeof(bytes) - n);
	assert_int_equal(stream_mismatch(0, bytes, sizeof(bytes)), sizeof(bytes));
	wire_check(w);
}

static void send_stream(struct wire *w)
{
	static uint8_t bytes[PIPE_BYTES];

	stream_fill(0, bytes, sizeof(bytes));
	end_send(&w->peer, bytes, sizeof(bytes));
	wire_arrive_all(w);
}

static void splice_in(void **state)
{
	const struct fault_row *row = ((const struct versioned *)*state)->row;
	struct wire *w = open_wire(state);
	int ends[2];
	ssize_t r;

	assert_ok(pipe2(ends, O_CLOEXEC));
	send_stream(w);
	set_fault(row);
	r = sockets_splice(KERNEL_FD, NULL, ends[1], NULL, FILE_BYTES, SPLICE_F_NONBLOCK);
	if (row->result)
		assert_int_equal(r, row->result);
	else
		assert_in_range(r, 1, PIPE_BYTES - 1);
	fault.call = NULL;
	check_taken(w, ends[0], r);
	close(ends[0]);
	close(ends[1]);
}

/* Without a number for the pipe that older kernels need. */
static void no_own_pipe(void **state)
{
	static const struct fault_row row = {"", "pwritev2", 0, EOPNOTSUPP, true, 0};
	struct wire *w = open_wire(state);
	int ends[2];

	assert_ok(pipe2(ends, O_CLOEXEC));
	send_stream(w);
	set_fault(&row);
	no_numbers = true;
	assert_int_equal(sockets_splice(KERNEL_FD, NULL, ends[1], NULL, 10, 0), -EMFILE);
	no_numbers = false;
	assert_int_equal(sockets_splice(KERNEL_FD, NULL, ends[1], NULL, 10, 0), 10);
	assert_int_equal(sockets_splice(KERNEL_FD, NULL, ends[1], NULL, FILE_BYTES, 0),
			 PIPE_BYTES - 10);
	check_taken(w, ends[0], PIPE_BYTES);
	close(ends[0]);
	close(ends[1]);
}

static size_t add(struct CMUnitTest *tests, int version, const struct fault_row *rows, size_t count,
		  CMUnitTestFunction run)
{
	for (size_t i = 0; i < count; i++)
		tests[i] = versioned_case(version, rows[i].title, run, &rows[i]);
	return count;
}

static void handle(int number)
{
	(void)number;
}

int main(void)
{
	static const int versions[] = {TLS_1_2, TLS_1_3};
	struct CMUnitTest tests[2 * (COUNT(file_rows) + COUNT(out_rows) + COUNT(in_rows) + 2)];
	/* One without SA_RESTART, or what is interrupted goes on. */
	const struct sigaction handler = {.sa_handler = handle};
	size_t n = 0;

	assert_ok(sigaction(SIGUSR1, &handler, NULL));
	for (size_t v = 0; v < COUNT(versions); v++) {
		n += add(tests + n, versions[v], file_rows, COUNT(file_rows), send_file);
		n += add(tests + n, versions[v], out_rows, COUNT(out_rows), splice_out);
		n += add(tests + n, versions[v], in_rows, COUNT(in_rows), splice_in);
		tests[n++] = versioned_case(versions[v], "room that is not there",
					    room_that_is_not_there, NULL);
		tests[n++] = versioned_case(versions[v], "a pipe of our own", no_own_pipe, NULL);
	}
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < n; i++)
		tests[i].teardown_func = wire_teardown;
	return cmocka_run_group_tests_name("moving", tests, NULL, NULL);
}
