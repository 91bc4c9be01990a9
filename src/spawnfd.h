/* SPDX-License-Identifier: MIT */
/* A TLS socket cannot be given to another program yet, and must not be as it is. */
#ifndef SPAWNFD_H
#define SPAWNFD_H

#include <spawn.h>
#include <stdbool.h>
#include <sys/socket.h>

/*
 * posix_spawn_file_actions_adddup2() of a TLS socket: the new program gets
 * /dev/null, open for reading, in its place: it reads the end of file, and its
 * writes fail. posix_spawn's own dup2 would have given it the bare connection.
 */
int spawnfd_adddup2(posix_spawn_file_actions_t *fa, int fd, int to);

/*
 * True if the actions have a dup2 of one of ours, added when the number was not ours
 * yet: the spawn is to fail. NULL has none.
 */
bool spawnfd_gives_ours(const posix_spawn_file_actions_t *fa);

/*
 * True if a message would pass one of our descriptors to another process
 * (SCM_RIGHTS, unix(7)), which would be given the bare connection. Says so in the
 * log: the call is to fail.
 */
bool spawnfd_passes_ours(const struct msghdr *msg);

#endif /* SPAWNFD_H */
