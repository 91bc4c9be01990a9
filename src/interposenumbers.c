/* SPDX-License-Identifier: MIT */
/*
 * The calls that make descriptors which are not ours. A number that such a call returns
 * and that the table knows was closed where no hook is (a raw system call): the table is
 * wrong about it, and what it named is dropped.
 */
#include "interpose.h"

#include "libc.h"
#include "sockets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

int interpose_fresh(int fd)
{
	int saved = errno;

	sockets_forget(fd);
	errno = saved;
	return fd;
}

bool interpose_theirs(int fd, ssize_t result)
{
	int saved = errno;
	bool theirs = result < 0 && result != -EAGAIN && fdtable_has(fd) && sockets_stale(fd);

	errno = saved;
	return theirs;
}

int interpose_fresh_pair(int r, const int ends[2])
{
	for (int i = 0; r == 0 && i < 2; i++)
		fresh(ends[i]);
	return r;
}

void interpose_fresh_rights(const struct msghdr *msg)
{
	struct msghdr copy = *msg;
	int fd;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&copy); c; c = CMSG_NXTHDR(&copy, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(fd)) <= c->cmsg_len; at += sizeof(fd)) {
			memcpy(&fd, CMSG_DATA(c) + at, sizeof(fd));
			fresh(fd);
		}
	}
}

#define CREATOR(type, name, params, args)                                                          \
	EXPORT type name params                                                                    \
	{                                                                                          \
		return fresh(libc.name args);                                                      \
	}

#define OPENER(type, name, params, last, args)                                                     \
	EXPORT type name params                                                                    \
	{                                                                                          \
		va_list ap;                                                                        \
		void *arg;                                                                         \
		va_start(ap, last);                                                                \
		arg = va_arg(ap, void *);                                                          \
		va_end(ap);                                                                        \
		return fresh(libc.name args);                                                      \
	}

LIBC_CREATORS(CREATOR)
LIBC_OPENERS(OPENER)

ALIAS(__open, open);
ALIAS(__open64, open64);

EXPORT mqd_t mq_open(const char *name, int flags, ...)
{
	va_list ap;
	mode_t mode;
	void *attr;

	va_start(ap, flags);
	mode = va_arg(ap, mode_t);
	attr = va_arg(ap, void *);
	va_end(ap);
	return fresh(libc.mq_open(name, flags, mode, attr));
}

EXPORT int pipe(int ends[2])
{
	return interpose_fresh_pair(libc.pipe(ends), ends);
}

ALIAS(__pipe, pipe);

EXPORT int pipe2(int ends[2], int flags)
{
	return interpose_fresh_pair(libc.pipe2(ends, flags), ends);
}

EXPORT int socketpair(int family, int type, int protocol, int ends[2])
{
	return interpose_fresh_pair(libc.socketpair(family, type, protocol, ends), ends);
}

/* It may be a duplicate of one of ours. */
EXPORT int pidfd_getfd(int pidfd, int fd, unsigned int flags)
{
	int r = libc.pidfd_getfd(pidfd, fd, flags);

	return r >= 0 && fdtable_any() ? (int)FINISH(sockets_twin(r)) : r;
}

static FILE *fresh_stream(FILE *file)
{
	if (file)
		fresh(file->_fileno);
	return file;
}

EXPORT FILE *fopen(const char *path, const char *mode)
{
	return fresh_stream(libc.fopen(path, mode));
}

ALIAS(_IO_fopen, fopen);

EXPORT FILE *fopen64(const char *path, const char *mode)
{
	return fresh_stream(libc.fopen64(path, mode));
}

EXPORT FILE *tmpfile(void)
{
	return fresh_stream(libc.tmpfile());
}

EXPORT FILE *tmpfile64(void)
{
	return fresh_stream(libc.tmpfile64());
}

EXPORT DIR *opendir(const char *path)
{
	DIR *dir = libc.opendir(path);

	if (dir)
		fresh(dirfd(dir));
	return dir;
}
