/* SPDX-License-Identifier: MIT */
/* A TLS socket cannot be given to another program yet, and must not be as it is. */
#ifndef SPAWNFD_H
#define SPAWNFD_H

#include <spawn.h>

/*
 * posix_spawn_file_actions_adddup2() of a TLS socket: the new program gets
 * /dev/null, open for reading, in its place: it reads the end of file, and its
 * writes fail. posix_spawn's own dup2 would have given it the bare connection.
 */
int spawnfd_adddup2(posix_spawn_file_actions_t *fa, int fd, int to);

#endif /* SPAWNFD_H */
