/* SPDX-License-Identifier: MIT */
#include "spawnfd.h"

#include "fdtable.h"
#include "libc.h"
#include "log.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

int spawnfd_adddup2(posix_spawn_file_actions_t *fa, int fd, int to)
{
	log_line(LEVEL_ERROR,
		 "posix_spawn: descriptor %d is a TLS socket, which cannot be given to another "
		 "program: its descriptor %d will be /dev/null",
		 fd, to);
	return posix_spawn_file_actions_addopen(fa, to, "/dev/null", O_RDONLY, 0);
}

/*
 * How glibc keeps an action; no header of its own says so, so it is tried out before
 * it is believed. Only the members that are read here stand here.
 */
struct action {
	int tag;
	union {
		struct {
			int fd;
			int to;
		} dup2;
		struct {
			int fd;
			char *path;
			int flags;
			mode_t mode;
		} open;
	};
};

static const struct action *actions_of(const posix_spawn_file_actions_t *fa)
{
	return (const struct action *)(const void *)fa->__actions;
}

/* The tag of a dup2 action, or -1 if actions do not look as they should. */
static int dup2_tag(void)
{
	enum { FD = 61, TO = 62, OTHER_FD = 63, OTHER_TO = 64 };
	posix_spawn_file_actions_t fa;
	const struct action *a;
	int tag = -1;

	if (posix_spawn_file_actions_init(&fa) != 0)
		return -1;
	if (libc.posix_spawn_file_actions_adddup2(&fa, FD, TO) == 0 &&
	    libc.posix_spawn_file_actions_adddup2(&fa, OTHER_FD, OTHER_TO) == 0 && fa.__used == 2) {
		a = actions_of(&fa);
		if (a[0].dup2.fd == FD && a[0].dup2.to == TO && a[1].dup2.fd == OTHER_FD &&
		    a[1].dup2.to == OTHER_TO && a[0].tag == a[1].tag)
			tag = a[0].tag;
	}
	posix_spawn_file_actions_destroy(&fa);
	return tag;
}

bool spawnfd_gives_ours(const posix_spawn_file_actions_t *fa)
{
	const struct action *a;
	int tag;

	if (!fa || fa->__used == 0)
		return false;
	tag = dup2_tag();
	if (tag < 0) {
		log_line(LEVEL_ERROR, "posix_spawn: this libc's file actions cannot be read, and a "
				      "TLS socket may be among them");
		return true;
	}
	a = actions_of(fa);
	for (int i = 0; i < fa->__used; i++) {
		if (a[i].tag != tag || !fdtable_has(a[i].dup2.fd))
			continue;
		log_line(LEVEL_ERROR,
			 "posix_spawn: descriptor %d is a TLS socket, which cannot be given to "
			 "another program",
			 a[i].dup2.fd);
		return true;
	}
	return false;
}

static bool names_ours(const struct cmsghdr *cmsg)
{
	size_t n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	int fd;

	for (size_t i = 0; i < n; i++) {
		memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
		if (!fdtable_has(fd))
			continue;
		log_line(
			LEVEL_ERROR,
			"sendmsg: descriptor %d is a TLS socket, which cannot be passed to another "
			"process",
			fd);
		return true;
	}
	return false;
}

bool spawnfd_passes_ours(const struct msghdr *msg)
{
	struct msghdr copy = *msg;

	/* The kernel refuses more than INT_MAX, unseen. */
	if (!msg->msg_control || msg->msg_controllen < sizeof(struct cmsghdr) ||
	    msg->msg_controllen > INT_MAX)
		return false;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&copy); c; c = CMSG_NXTHDR(&copy, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
		    c->cmsg_len >= CMSG_LEN(0) &&
		    c->cmsg_len <=
			    msg->msg_controllen - (size_t)((char *)c - (char *)msg->msg_control) &&
		    names_ours(c))
			return true;
	return false;
}
