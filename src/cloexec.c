/* SPDX-License-Identifier: MIT */
/* FD_CLOEXEC as the program has set it; in the kernel a TLS socket always has it. */
#include "connection.h"
#include "handoff.h"
#include "libc.h"
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>

static int real_set_cloexec(int fd, bool on)
{
	return libc.fcntl64(fd, F_SETFD, on ? FD_CLOEXEC : 0) < 0 ? -errno : 0;
}

/*
 * A child that shares our table has FD_CLOEXEC of its own. What it will not use but exec
 * would hand on is a dead end at once, with the flag in the kernel.
 */
static int set_cloexec_in_child(struct entry *e, int fd, bool on)
{
	int r;

	if (!e->object || !connection_is(e->object, fd))
		return real_set_cloexec(fd, on);
	r = handoff_dead_end_at(fd, on);
	return r < 0 ? r : 0;
}

int sockets_get_cloexec(struct entry *e, int fd)
{
	int r = -EBADF;

	if (e->object && connection_is(e->object, fd))
		r = fdtable_cloexec(fd) ? FD_CLOEXEC : 0;
	else if (e->object || owner_in_vfork_child())
		r = libc.fcntl64(fd, F_GETFD);
	fdtable_put(e);
	return r == -1 ? -errno : r;
}

int sockets_set_cloexec(struct entry *e, int fd, bool on)
{
	int r = -EBADF;

	if (owner_in_vfork_child()) {
		r = set_cloexec_in_child(e, fd, on);
	} else if (e->object && sockets_stale(fd)) {
		r = real_set_cloexec(fd, on);
	} else if (e->object) {
		fdtable_set_cloexec(fd, on);
		r = 0;
	}
	fdtable_put(e);
	return r;
}
