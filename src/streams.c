/* SPDX-License-Identifier: MIT */
#include "streams.h"

#include "fdtable.h"
#include "libc.h"
#include "owner.h"
#include "signals.h"
#include "sockets.h"
#include "stdiofd.h"
#include "texts.h"
#include "wide.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>

struct stream {
	FILE *file;
	int fd;
	char *buffer;
	char *head; /* read before what comes from fd */
	size_t head_at, head_end;
	struct wide wide;
	struct stream *next;
};

static struct stream *streams; /* stdiofd's lock */
static FILE *last;	       /* see streams_end() */
static char last_buffer[16];   /* nothing to fail for want of at the end */
static void (*at_the_end)(void);

static struct stream **find(const FILE *f)
{
	struct stream **p = &streams;

	while (*p && (*p)->file != f)
		p = &(*p)->next;
	return p;
}

static ssize_t write_some(int fd, const char *buf, size_t n)
{
	const struct iovec iov = {(void *)(uintptr_t)buf, n};
	struct entry *e = fdtable_get(fd);
	ssize_t r;

	if (e)
		return SIGNALS_HELD(sockets_send(e, fd, &iov, 1, 0));
	r = libc.write(fd, buf, n);
	return r < 0 ? -errno : r;
}

size_t streams_write(int fd, const char *buf, size_t n)
{
	int saved = errno;
	size_t done = 0;

	while (done < n) {
		ssize_t r = write_some(fd, buf + done, n - done);

		if (r <= 0) {
			errno = (int)-r;
			return done;
		}
		done += (size_t)r;
	}
	errno = saved;
	return done;
}

static ssize_t stream_write(void *cookie, const char *buf, size_t n)
{
	const struct stream *s = cookie;

	if (texts_keep(s->fd, buf, n))
		return (ssize_t)n;
	return (ssize_t)streams_write(s->fd, buf, n);
}

static ssize_t read_head(struct stream *s, char *buf, size_t n)
{
	size_t left = s->head_end - s->head_at;

	n = n < left ? n : left;
	memcpy(buf, s->head + s->head_at, n);
	s->head_at += n;
	return (ssize_t)n;
}

static ssize_t stream_read(void *cookie, char *buf, size_t n)
{
	struct stream *s = cookie;
	const struct iovec iov = {buf, n};
	int saved = errno;
	struct entry *e;
	ssize_t r;

	if (s->head_at < s->head_end)
		return read_head(s, buf, n);
	e = fdtable_get(s->fd);
	if (!e)
		return libc.read(s->fd, buf, n);
	r = SIGNALS_HELD(sockets_readv(e, s->fd, &iov, 1, 0));
	errno = r < 0 ? (int)-r : saved;
	return r < 0 ? -1 : r;
}

/* ESPIPE for a socket, from the kernel. */
static int stream_seek(void *cookie, off64_t *at, int whence)
{
	const struct stream *s = cookie;
	off64_t r = lseek64(s->fd, *at, whence);

	if (r < 0)
		return -1;
	*at = r;
	return 0;
}

void streams_free(struct stream *s)
{
	if (!s)
		return;
	free(s->head);
	free(s->buffer);
	free(s);
}

static int stream_close(void *cookie)
{
	struct stream *s = cookie;
	int fd = s->fd, saved = errno, r;

	stdiofd_lock();
	streams_unregister(s->file);
	stdiofd_unlock();
	wide_remove(s->file);
	streams_free(s);
	if (!fdtable_has(fd))
		return libc.close(fd);
	r = sockets_close_whole(fd);
	errno = r < 0 ? -r : saved;
	return r < 0 ? -1 : 0;
}

static ssize_t last_write(void *unused, const char *buf, size_t n)
{
	void (*goodbye)(void) = at_the_end;

	(void)unused;
	(void)buf;
	at_the_end = NULL;
	if (goodbye)
		goodbye();
	return (ssize_t)n;
}

/* stdio flushes its newest stream first: this one is older than all of ours. */
static int make_last(void)
{
	if (last)
		return 0;
	last = fopencookie(NULL, "w", (cookie_io_functions_t){.write = last_write});
	return last ? 0 : -ENOMEM;
}

int streams_set_buffer(FILE *f, size_t size)
{
	struct stream *s = *find(f);
	char *buffer = malloc(size);

	if (!buffer)
		return -ENOMEM;
	setvbuf(f, buffer, _IOFBF, size);
	free(s->buffer);
	s->buffer = buffer;
	return 0;
}

FILE *streams_new(int fd, const char *mode)
{
	static const cookie_io_functions_t functions = {
		.read = stream_read,
		.write = stream_write,
		.seek = stream_seek,
		.close = stream_close,
	};
	struct stream *s = calloc(1, sizeof(*s));

	if (s)
		s->buffer = malloc(STREAMS_BUFFER);
	if (s && s->buffer && make_last() == 0)
		s->file = fopencookie(s, mode, functions);
	if (!s || !s->file) {
		streams_free(s);
		return NULL;
	}
	setvbuf(s->file, s->buffer, _IOFBF, STREAMS_BUFFER);
	s->fd = fd;
	s->file->_fileno = fd; /* what fileno() returns */
	wide_install(s->file, &s->wide);
	s->next = streams;
	streams = s;
	return s->file;
}

bool streams_has(const FILE *f)
{
	return *find(f);
}

void streams_set_head(FILE *f, char *bytes, size_t n)
{
	struct stream *s = *find(f);

	if (!s) {
		free(bytes);
		return;
	}
	free(s->head);
	s->head = bytes;
	s->head_at = 0;
	s->head_end = n;
}

size_t streams_head(const FILE *f, const char **bytes)
{
	const struct stream *s = *find(f);

	if (!s)
		return 0;
	*bytes = s->head + s->head_at;
	return s->head_end - s->head_at;
}

struct stream *streams_unregister(FILE *f)
{
	struct stream **p = find(f), *s = *p;

	if (!s)
		return NULL;
	*p = s->next;
	stdiofd_gone(f);
	return s;
}

/* As fdopen reads a mode: what it does not know it skips. */
static int parse_mode(const char *mode, char parsed[3])
{
	if (*mode != 'r' && *mode != 'w' && *mode != 'a')
		return -EINVAL;
	parsed[0] = *mode;
	parsed[1] = '\0';
	for (int i = 1; i < 5 && mode[i]; i++)
		if (mode[i] == '+')
			parsed[1] = '+';
	parsed[2] = '\0';
	return 0;
}

static int set_append(int fd)
{
	int flags = libc.fcntl64(fd, F_GETFL);

	if (flags < 0 || (!(flags & O_APPEND) && libc.fcntl64(fd, F_SETFL, flags | O_APPEND) < 0))
		return -errno;
	return 0;
}

int streams_fdopen(int fd, const char *mode, FILE **out)
{
	char parsed[3];
	FILE *f;
	int r = parse_mode(mode, parsed);

	/* It would be the parent's memory that is written to. */
	if (r == 0 && owner_in_vfork_child())
		r = -EBADFD;
	if (r == 0 && parsed[0] == 'a')
		r = set_append(fd);
	if (r < 0)
		return r;
	stdiofd_lock();
	f = streams_new(fd, parsed);
	stdiofd_unlock();
	if (!f)
		return -ENOMEM;
	*out = f;
	return 0;
}

/*
 * Without the streams' locks, as libc at exit: a thread may wait in one for good. Now,
 * while all libraries are there; what later destructors print is flushed by libc, and
 * the last stream's turn is behind that.
 */
bool streams_end(void (*goodbye)(void))
{
	bool any;

	stdiofd_list_lock();
	for (struct stream *s = streams; s; s = s->next)
		if (__fpending(s->file) > 0)
			fflush_unlocked(s->file);
	/* Only here, since fcloseall takes the buffers from all streams. */
	any = streams && setvbuf(last, last_buffer, _IOFBF, sizeof(last_buffer)) == 0 &&
	      fputc_unlocked('\n', last) != EOF;
	at_the_end = any ? goodbye : NULL;
	stdiofd_list_unlock();
	return any;
}
