/* SPDX-License-Identifier: MIT */
/* The names of libc that start and end processes. */
#include "interpose.h"

#include "api.h"
#include "libc.h"
#include "spawnfd.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

EXPORT int posix_spawn(pid_t *restrict pid, const char *restrict path,
		       const posix_spawn_file_actions_t *fa, const posix_spawnattr_t *restrict attr,
		       char *const argv[restrict], char *const envp[restrict])
{
	if (fdtable_any() && spawnfd_gives_ours(fa))
		return EBADF;
	return libc.posix_spawn(pid, path, fa, attr, argv, envp);
}

EXPORT int posix_spawnp(pid_t *restrict pid, const char *restrict file,
			const posix_spawn_file_actions_t *fa,
			const posix_spawnattr_t *restrict attr, char *const argv[restrict],
			char *const envp[restrict])
{
	if (fdtable_any() && spawnfd_gives_ours(fa))
		return EBADF;
	return libc.posix_spawnp(pid, file, fa, attr, argv, envp);
}

EXPORT int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *fa, int fd, int to)
{
	return fdtable_has(fd) ? spawnfd_adddup2(fa, fd, to)
			       : libc.posix_spawn_file_actions_adddup2(fa, fd, to);
}

EXPORT void _exit(int status)
{
	/* What was sent shall arrive, also from a child that serves and then _exits. */
	api_abrupt_exit();
	libc._exit(status);
	__builtin_unreachable();
}

EXPORT void _Exit(int status)
{
	_exit(status);
}
