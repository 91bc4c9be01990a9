/* SPDX-License-Identifier: MIT */
#include "stdiofd.h"

#include "carry.h"
#include "fdtable.h"
#include "guard.h"
#include "libc.h"
#include "log.h"
#include "signals.h"
#include "sockets.h"
#include "streams.h"
#include "wide.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

/* glibc exports its list of open streams, and the list's recursive lock, but declares neither. */
extern FILE *_IO_list_all;
void _IO_list_lock(void);
void _IO_list_unlock(void);
void _IO_list_resetlock(void);

/* glibc's _IO_IS_FILEBUF; open_memstream leaves _fileno as malloc gave it. */
enum { OF_FILE = 0x2000 };

static struct guard lock = GUARD_INIT;

/* By number. The stand-in lives on, since somebody may have kept the pointer. */
static struct standard {
	FILE *original; /* NULL: in its place */
	FILE *stand_in;
} standards[3];

void stdiofd_list_lock(void)
{
	signals_hold();
	_IO_list_lock();
}

void stdiofd_list_unlock(void)
{
	_IO_list_unlock();
	signals_let();
}

void stdiofd_lock(void)
{
	stdiofd_list_lock();
	guard_lock(&lock);
}

void stdiofd_unlock(void)
{
	guard_unlock(&lock);
	stdiofd_list_unlock();
}

/* glibc has reset it already where there were several threads, and else not. */
void stdiofd_fork_child(void)
{
	guard_unlock(&lock);
	_IO_list_resetlock();
	signals_let();
}

/* Any use of this is EBADF, and it tells which number was there. */
static int taken(int fd)
{
	return INT_MIN + fd;
}

/* Stored at once, without the stream's lock: a thread may wait in it for good. */
static void renumber(int from, int to)
{
	for (FILE *f = _IO_list_all; f; f = f->_chain)
		if (__atomic_load_n(&f->_fileno, __ATOMIC_RELAXED) == from && !streams_has(f))
			__atomic_store_n(&f->_fileno, to, __ATOMIC_RELAXED);
}

static FILE **variable_of(int fd)
{
	return fd == 0 ? &stdin : fd == 1 ? &stdout : fd == 2 ? &stderr : NULL;
}

static bool is_listed(const FILE *f)
{
	const FILE *g = _IO_list_all;

	while (g && g != f)
		g = g->_chain;
	return g;
}

static bool some_pending(int number)
{
	for (const FILE *f = _IO_list_all; f; f = f->_chain)
		if (f->_fileno == number && carry_pending(f) > 0)
			return true;
	return false;
}

bool stdiofd_pending(int fd)
{
	bool pending;

	stdiofd_lock();
	pending = some_pending(fd) || some_pending(taken(fd));
	stdiofd_unlock();
	return pending;
}

void stdiofd_take(int fd)
{
	bool lost;

	stdiofd_lock();
	renumber(fd, taken(fd));
	lost = fd > STDERR_FILENO && some_pending(taken(fd));
	stdiofd_unlock();
	if (lost)
		log_line(LEVEL_ERROR,
			 "a stdio stream has buffered what was to be written to descriptor %d, "
			 "which is now a TLS socket: flush it before, or use fdopen after",
			 fd);
}

static FILE *stand_in_for(int fd, const FILE *original)
{
	struct standard *s = &standards[fd];
	FILE *like = (FILE *)(uintptr_t)original;

	if (!s->stand_in)
		s->stand_in = streams_new(fd, !__fwritable(like)   ? "r"
					      : !__freadable(like) ? "w"
								   : "r+");
	return s->stand_in;
}

/*
 * No lock is waited for: the thread that has it may wait for good. What the original
 * holds then stays there.
 */
static bool stand_in_ready(FILE *stand_in, FILE *original)
{
	bool ready;

	if (!stand_in || ftrylockfile(stand_in) != 0)
		return false;
	ready = carry_pending(stand_in) > 0 || carry_set_buffer(stand_in, original) == 0;
	if (ready && carry_pending(stand_in) == 0 && ftrylockfile(original) == 0) {
		carry(original, stand_in);
		funlockfile(original);
	}
	funlockfile(stand_in);
	return ready;
}

static void swap_in(int fd)
{
	FILE **variable = variable_of(fd), *original, *stand_in;

	if (!variable || standards[fd].original)
		return;
	original = *variable;
	if (!original || original->_fileno != taken(fd))
		return;
	stand_in = stand_in_for(fd, original);
	if (!stand_in_ready(stand_in, original))
		return;
	wide_reorient(stand_in, original->_mode);
	standards[fd].original = original;
	__atomic_store_n(variable, stand_in, __ATOMIC_RELEASE);
}

void stdiofd_install(int fd)
{
	stdiofd_take(fd);
	if (!variable_of(fd))
		return;
	stdiofd_lock();
	swap_in(fd);
	stdiofd_unlock();
}

static void give_back(FILE *stand_in, FILE *original)
{
	if (ftrylockfile(original) != 0)
		return;
	if (ftrylockfile(stand_in) == 0) {
		carry_back(stand_in, original);
		funlockfile(stand_in);
	}
	funlockfile(original);
}

static void swap_out(int fd)
{
	FILE **variable = variable_of(fd), *original, *stand_in;

	if (!variable || !standards[fd].original)
		return;
	original = standards[fd].original;
	stand_in = standards[fd].stand_in;
	/* The original would take what waits there for bytes; this one does for any file. */
	if (wide_orient(stand_in, 0) > 0)
		return;
	standards[fd].original = NULL;
	if (*variable != stand_in || !is_listed(original))
		return;
	give_back(stand_in, original);
	__atomic_store_n(variable, original, __ATOMIC_RELEASE);
}

void stdiofd_release(int fd)
{
	stdiofd_lock();
	if (!fdtable_has(fd)) {
		swap_out(fd);
		renumber(taken(fd), fd);
	}
	stdiofd_unlock();
}

/* The number is closed with it: the original must not come back to life. */
void stdiofd_gone(const FILE *f)
{
	for (int fd = 0; fd < 3; fd++) {
		struct standard *s = &standards[fd];

		if (s->stand_in != f)
			continue;
		if (s->original && *variable_of(fd) == f) {
			carry_close(s->original);
			*variable_of(fd) = s->original;
		}
		*s = (struct standard){NULL, NULL};
	}
}

/* The number under a stream, where it is a TLS socket's; or -1. One of memory has none. */
static int number_under(const FILE *f)
{
	int fd = f->_flags & OF_FILE ? f->_fileno : -1;

	if (fd < INT_MIN / 2)
		fd -= INT_MIN;
	return fdtable_has(fd) ? fd : -1;
}

/*
 * libc closes the number before it waits for popen's child, and does not wait if that
 * fails. This one can be closed, not written to, and is not to be sought in.
 */
static void give_number(FILE *f)
{
	int ends[2];

	if (libc.pipe2(ends, O_CLOEXEC) < 0)
		return;
	libc.close(ends[1]);
	__atomic_store_n(&f->_fileno, ends[0], __ATOMIC_RELAXED);
}

int stdiofd_fclose(FILE *f, int (*real)(FILE *f))
{
	int fd = number_under(f);
	bool ours = fd >= 0 && f->_fileno < 0;
	int saved = errno, r;

	if (ours)
		give_number(f);
	errno = saved;
	r = real(f);
	saved = errno;
	if (ours)
		sockets_close_whole(fd);
	errno = saved;
	return r;
}

/*
 * The number stays taken, by what has no file to be opened again: freopen without a
 * path then fails as on a socket.
 */
static void let_go(int fd)
{
	int nothing = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	int r = nothing < 0 ? nothing : SIGNALS_HELD(sockets_dup_to(nothing, fd, true));

	if (nothing >= 0)
		libc.close(nothing);
	if (r < 0)
		sockets_close_whole(fd);
}

/* If one is the other's stand-in now. */
static bool find_standard(const FILE *f, struct standard *found)
{
	for (int fd = 0; fd < 3; fd++) {
		*found = standards[fd];
		if (found->original && (f == found->original || f == found->stand_in))
			return true;
	}
	return false;
}

/* glibc's freopen makes a stream of its own of a cookie stream, if that has no wide part. */
static FILE *reopen(const char *path, const char *mode, FILE *f, stdiofd_reopen *real)
{
	char narrow[16];
	struct stream *s;
	FILE *result;

	stdiofd_lock();
	s = streams_unregister(f);
	stdiofd_unlock();
	if (!s)
		return real(path, mode, f);
	snprintf(narrow, sizeof(narrow), "%.*s", (int)strcspn(mode, ","), mode);
	f->_wide_data = NULL;
	result = real(path, narrow, f);
	f->_wide_data = (struct _IO_wide_data *)&wide_reopened;
	streams_free(s);
	return result;
}

FILE *stdiofd_freopen(const char *path, const char *mode, FILE *f, stdiofd_reopen *real)
{
	struct standard standard;
	bool is_standard;
	int fd = number_under(f), saved = errno;

	stdiofd_lock();
	is_standard = find_standard(f, &standard);
	stdiofd_unlock();
	if (fd >= 0) {
		fflush(is_standard ? standard.stand_in : f);
		__fpurge(f);
		let_go(fd);
		errno = saved;
	} else if (is_standard) {
		fflush(standard.stand_in);
		wide_reorient(standard.stand_in, 0);
		stdiofd_release(standard.stand_in->_fileno);
		errno = saved;
	}
	return reopen(path, mode, is_standard ? standard.original : f, real);
}
