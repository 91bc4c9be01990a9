/* SPDX-License-Identifier: MIT */
#include "spawnfd.h"

#include "fdtable.h"
#include "handoff.h"
#include "libc.h"
#include "log.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

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

enum { DIGITS = 10 };

static const struct action *actions_of(const posix_spawn_file_actions_t *fa)
{
	return (const struct action *)(const void *)fa->__actions;
}

/* The tag of a dup2 action, or -1 if actions do not look as they should. */
static int dup2_tag(void)
{
	enum { FD = 3, TO = 1, OTHER_FD = 2, OTHER_TO = 0 }; /* libc refuses those over the limit */
	posix_spawn_file_actions_t fa;
	const struct action *a;
	int tag = -1;

	if (posix_spawn_file_actions_init(&fa) != 0)
		return -1;
	if (posix_spawn_file_actions_adddup2(&fa, FD, TO) == 0 &&
	    posix_spawn_file_actions_adddup2(&fa, OTHER_FD, OTHER_TO) == 0 && fa.__used == 2) {
		a = actions_of(&fa);
		if (a[0].dup2.fd == FD && a[0].dup2.to == TO && a[1].dup2.fd == OTHER_FD &&
		    a[1].dup2.to == OTHER_TO && a[0].tag == a[1].tag)
			tag = a[0].tag;
	}
	posix_spawn_file_actions_destroy(&fa);
	return tag;
}

static bool is_duplicated(const posix_spawn_file_actions_t *fa, int tag, int fd)
{
	const struct action *a = fa ? actions_of(fa) : NULL;

	for (int i = 0; a && i < fa->__used; i++)
		if (a[i].tag == tag && a[i].dup2.fd == fd)
			return true;
	return false;
}

/*
 * Without a number for a dead end: the root, which can be neither read nor written. libc
 * closes the number first, so that there is one to open it.
 */
static int add_dead_end(posix_spawn_file_actions_t *mine, int dead, int fd)
{
	return dead >= 0 ? posix_spawn_file_actions_adddup2(mine, dead, fd)
			 : posix_spawn_file_actions_addopen(mine, fd, "/", O_RDONLY, 0);
}

/* What the child would inherit, or its actions duplicate. */
static int add_dead_ends(posix_spawn_file_actions_t *mine, int dead,
			 const posix_spawn_file_actions_t *fa, int tag)
{
	int r = 0;

	for (int fd = fdtable_next(0); fd >= 0 && r == 0; fd = fdtable_next(fd + 1)) {
		struct entry *e = fdtable_get(fd);

		if ((handoff_concerns(fd, e) && fdtable_below_limit(fd)) ||
		    (e && e->object && is_duplicated(fa, tag, fd)))
			r = add_dead_end(mine, dead, fd);
		fdtable_put(e);
	}
	return r;
}

/* The first list's actions and then the second's, to be freed as an array. */
static int join(posix_spawn_file_actions_t *both, const posix_spawn_file_actions_t *first,
		const posix_spawn_file_actions_t *second)
{
	int used = second ? second->__used : 0;
	struct action *all = calloc((size_t)(first->__used + used), sizeof(*all));

	if (!all)
		return ENOMEM;
	memcpy(all, actions_of(first), (size_t)first->__used * sizeof(*all));
	if (used)
		memcpy(all + first->__used, actions_of(second), (size_t)used * sizeof(*all));
	*both = *first;
	both->__used = both->__allocated = first->__used + used;
	both->__actions = (void *)all;
	return 0;
}

static int spawn_with(const struct spawnfd *s, int dead, int tag)
{
	posix_spawn_file_actions_t mine, both;
	int r = posix_spawn_file_actions_init(&mine);

	if (r != 0)
		return r;
	r = add_dead_ends(&mine, dead, s->actions, tag);
	if (r == 0 && mine.__used == 0) {
		r = s->spawn(s, s->actions);
	} else if (r == 0) {
		r = join(&both, &mine, s->actions);
		if (r == 0) {
			handoff_report(s->program);
			r = s->spawn(s, &both);
			free(both.__actions);
		}
	}
	posix_spawn_file_actions_destroy(&mine);
	return r;
}

int spawnfd_spawn(const struct spawnfd *s)
{
	int tag, dead, r;

	if (!fdtable_in_use())
		return s->spawn(s, s->actions);
	tag = dup2_tag();
	if (tag < 0) {
		log_line(LEVEL_ERROR, "posix_spawn: this libc's file actions cannot be read, and a "
				      "TLS socket may be among them");
		return EBADF;
	}
	dead = handoff_dead_end();
	r = spawn_with(s, dead, tag);
	if (dead >= 0)
		libc.close(dead);
	return r;
}

int spawnfd_shell(const char *command, int other, char **guarded)
{
	static const char redirection[] = "exec 0</; ";
	char *end;

	*guarded = NULL;
	if (!fdtable_in_use())
		return 0;
	end = *guarded = malloc(DIGITS * (sizeof(redirection) - 1) + strlen(command) + 1);
	if (!end)
		return -ENOMEM;
	for (int fd = 0; fd < DIGITS; fd++) {
		struct entry *e = fdtable_get(fd);

		if (fd != other && handoff_concerns(fd, e)) {
			strcpy(end, redirection);
			end[strcspn(end, "0")] = (char)('0' + fd);
			end += sizeof(redirection) - 1;
		}
		fdtable_put(e);
	}
	strcpy(end, command);
	return 0;
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
