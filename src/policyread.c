/* SPDX-License-Identifier: MIT */
/* The policy's file as a file: whether it is there, and whose. */
#include "libc.h"
#include "policyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* OVERFLOW_ID: how root looks from a user namespace that does not have it. */
enum { MAX_SIZE = 1 << 20, OVERFLOW_ID = 65534 };

/* What is wrong with the file as such; NULL: nothing. */
static const char *check(const struct stat *st, bool of_system)
{
	if (!S_ISREG(st->st_mode))
		return "is no regular file";
	if (st->st_size > MAX_SIZE)
		return "is greater than 1 MiB";
	if (!of_system)
		return NULL;
	if (st->st_uid != 0 && st->st_uid != OVERFLOW_ID)
		return "does not belong to root";
	if ((st->st_mode & S_IWOTH) ||
	    ((st->st_mode & S_IWGRP) && st->st_gid != 0 && st->st_gid != OVERFLOW_ID))
		return "can be written by others than root";
	return NULL;
}

/* Reads until the end, in case it grows. Returns how much, -1 with errno set. */
static ssize_t read_all(int fd, char *buf, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size && (n = libc.read(fd, buf + len, size - len)) != 0) {
		if (n < 0 && errno != EINTR)
			return -1;
		len += n > 0 ? (size_t)n : 0;
	}
	return (ssize_t)len;
}

static int broken(const char *path, const char *why, struct policy **out)
{
	int r = policy_parse(path, "", 0, out);

	if (r == 0)
		r = policy_add_error(*out, 0, why);
	if (r < 0) {
		policy_free(*out);
		*out = NULL;
	}
	return r;
}

static int read_open(const char *path, int fd, bool of_system, struct policy **out)
{
	const char *why;
	struct stat st;
	ssize_t len = -1;
	char *text;
	int r;

	if (fstat(fd, &st) < 0)
		return broken(path, strerror(errno), out);
	why = check(&st, of_system);
	if (why)
		return broken(path, why, out);
	text = malloc(MAX_SIZE);
	if (!text)
		return -ENOMEM;
	len = read_all(fd, text, MAX_SIZE);
	r = len < 0 ? broken(path, strerror(errno), out)
		    : policy_parse(path, text, (size_t)len, out);
	free(text);
	return r;
}

int policy_read(const char *path, bool of_system, struct policy **out)
{
	/* Not held up by a FIFO. */
	int fd = libc.open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	char why[128];
	int r;

	*out = NULL;
	if (fd < 0) {
		if (of_system && (errno == ENOENT || errno == ENOTDIR))
			return 0;
		snprintf(why, sizeof(why), "cannot be read: %s", strerror(errno));
		return broken(path, why, out);
	}
	r = read_open(path, fd, of_system, out);
	libc.close(fd);
	return r;
}
