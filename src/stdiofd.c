/* SPDX-License-Identifier: MIT */
#include "stdiofd.h"

#include <stdbool.h>
#include <stdio.h>

static bool taken[3];

static FILE *stream_of(int fd)
{
	return fd == 0 ? stdin : fd == 1 ? stdout : fd == 2 ? stderr : NULL;
}

/* _fileno is public in glibc's struct _IO_FILE; -1 makes each use of it EBADF. */
void stdiofd_take(int fd)
{
	FILE *f = stream_of(fd);

	if (f && f->_fileno == fd) {
		f->_fileno = -1;
		taken[fd] = true;
	}
}

void stdiofd_release(int fd)
{
	FILE *f = stream_of(fd);

	if (f && taken[fd] && f->_fileno == -1)
		f->_fileno = fd;
	if (f)
		taken[fd] = false;
}
