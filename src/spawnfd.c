/* SPDX-License-Identifier: MIT */
#include "spawnfd.h"

#include "log.h"

#include <fcntl.h>

int spawnfd_adddup2(posix_spawn_file_actions_t *fa, int fd, int to)
{
	log_line(LEVEL_ERROR,
		 "posix_spawn: descriptor %d is a TLS socket, which cannot be given to another "
		 "program: its descriptor %d will be /dev/null",
		 fd, to);
	return posix_spawn_file_actions_addopen(fa, to, "/dev/null", O_RDONLY, 0);
}
