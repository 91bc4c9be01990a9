/* SPDX-License-Identifier: MIT */
/* TLS sockets and the two calls that give descriptors away: posix_spawn and sendmsg. */
#ifndef SPAWNFD_H
#define SPAWNFD_H

#include <spawn.h>
#include <stdbool.h>
#include <sys/socket.h>

/* A call of posix_spawn or posix_spawnp. */
struct spawnfd {
	int (*spawn)(const struct spawnfd *s, const posix_spawn_file_actions_t *actions);
	pid_t *pid;
	const char *program;
	const posix_spawn_file_actions_t *actions;
	const posix_spawnattr_t *attr;
	char *const *argv, *const *envp;
};

/*
 * Makes the call. What the new program would inherit, or its actions duplicate, of TLS
 * sockets are dead ends there (see handoff.h): they are put in place by actions before
 * its own. Returns as posix_spawn(3).
 */
int spawnfd_spawn(const struct spawnfd *s);

/*
 * The command for system(3) and popen(3), whose children libc starts past every hook and
 * which find TLS sockets closed: their numbers would come back from the shell's next
 * open(). So it opens the root directory there first, which can neither be read nor
 * written. Only for the numbers that every shell can redirect, of one digit; other is
 * the child's already, -1: none. On the command's first line, since the shell counts lines in
 * what it says. *guarded is to be freed; NULL: nothing is to be kept off
 * the child, the program's command will do. Returns 0 or -ENOMEM.
 */
int spawnfd_shell(const char *command, int other, char **guarded);

/*
 * True if a message would pass one of our descriptors to another process
 * (SCM_RIGHTS, unix(7)), which would be given the bare connection. Says so in the
 * log: the call is to fail.
 */
bool spawnfd_passes_ours(const struct msghdr *msg);

#endif /* SPAWNFD_H */
