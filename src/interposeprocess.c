/* SPDX-License-Identifier: MIT */
/* The names of libc that start and end processes. */
#include "interpose.h"

#include "api.h"
#include "libc.h"
#include "libgnutlsload.h"
#include "linger.h"
#include "sharing.h"
#include "sockets.h"
#include "spawnfd.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int by_posix_spawn(const struct spawnfd *s, const posix_spawn_file_actions_t *actions)
{
	return libc.posix_spawn(s->pid, s->program, actions, s->attr, s->argv, s->envp);
}

static int by_posix_spawnp(const struct spawnfd *s, const posix_spawn_file_actions_t *actions)
{
	return libc.posix_spawnp(s->pid, s->program, actions, s->attr, s->argv, s->envp);
}

EXPORT int posix_spawn(pid_t *restrict pid, const char *restrict path,
		       const posix_spawn_file_actions_t *fa, const posix_spawnattr_t *restrict attr,
		       char *const argv[restrict], char *const envp[restrict])
{
	const struct spawnfd s = {by_posix_spawn, pid, path, fa, attr, argv, envp};

	return fdtable_any() ? spawnfd_spawn(&s) : by_posix_spawn(&s, fa);
}

EXPORT int posix_spawnp(pid_t *restrict pid, const char *restrict file,
			const posix_spawn_file_actions_t *fa,
			const posix_spawnattr_t *restrict attr, char *const argv[restrict],
			char *const envp[restrict])
{
	const struct spawnfd s = {by_posix_spawnp, pid, file, fa, attr, argv, envp};

	return fdtable_any() ? spawnfd_spawn(&s) : by_posix_spawnp(&s, fa);
}

EXPORT int system(const char *command)
{
	char *guarded = NULL;
	int r = command ? spawnfd_shell(command, -1, &guarded) : 0;

	if (r != 0)
		return (int)finish(r, 0);
	pthread_cleanup_push(free, guarded);
	r = libc.system(guarded ? guarded : command);
	pthread_cleanup_pop(1);
	return r;
}

EXPORT FILE *popen(const char *command, const char *mode)
{
	FILE *file = NULL;
	char *guarded;
	/* The child's own is its standard output if the program reads, else its input. */
	int r = spawnfd_shell(command, *mode == 'r', &guarded);

	if (r == 0)
		file = libc.popen(guarded ? guarded : command, mode);
	else
		errno = -r;
	free(guarded);
	return file;
}

ALIAS(_IO_popen, popen);

/*
 * Of fixed arity, as fcntl64. The new thread begins with its function, and does not come
 * by here. A process that shares our memory is like vfork's child.
 */
EXPORT int clone_fixed(int (*run)(void *arg), void *stack, int flags, void *arg, void *parent,
		       void *tls, void *child) __asm__("clone");

int clone_fixed(int (*run)(void *arg), void *stack, int flags, void *arg, void *parent, void *tls,
		void *child)
{
	int r = flags & CLONE_THREAD && !(flags & CLONE_FILES) ? sharing_end("clone") : 0;

	return r < 0 ? refuse(-r) : libc.clone(run, stack, flags, arg, parent, tls, child);
}

EXPORT __typeof__(clone_fixed) __clone __attribute__((alias("clone")));

/* libc has put something else on the standard streams, past us. */
static void standard_streams_changed(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fdtable_has(fd))
			sockets_stale(fd);
}

EXPORT int daemon(int nochdir, int noclose)
{
	int r = libc.daemon(nochdir, noclose);

	if (r == 0 && !noclose)
		standard_streams_changed();
	return r;
}

EXPORT int login_tty(int fd)
{
	int r = libc.login_tty(fd);

	standard_streams_changed();
	return r;
}

EXPORT int openpty(int *master, int *slave, char *name, const struct termios *t,
		   const struct winsize *w)
{
	int r = libc.openpty(master, slave, name, t, w);

	if (r == 0) {
		fresh(*master);
		fresh(*slave);
	}
	return r;
}

EXPORT int forkpty(int *master, char *name, const struct termios *t, const struct winsize *w)
{
	int pid = libc.forkpty(master, name, t, w);

	if (pid == 0)
		standard_streams_changed();
	else if (pid > 0)
		fresh(*master);
	return pid;
}

/* Afterwards GnuTLS is not loaded any more, since it would come from there. */
EXPORT int chroot(const char *path)
{
	const char *why;

	if (api_ready())
		libgnutls_load(&why);
	return libc.chroot(path);
}

/*
 * A process with threads is refused some namespaces. The lingerer's is none that the
 * program knows of.
 */
static SLOW bool try_without_thread(void)
{
	return errno == EINVAL && linger_pause();
}

/* The lingerer goes first: with descriptors of its own it would count as a thread. */
static int unshare_files(int flags)
{
	bool paused = linger_pause();
	int r = sharing_end_unless_alone("unshare");

	if (r == 0)
		r = libc.unshare(flags) < 0 ? -errno : 0;
	if (paused)
		linger_resume();
	return r;
}

static int unshare_others(int flags)
{
	int before = errno, r = libc.unshare(flags);

	if (r < 0 && try_without_thread()) {
		errno = before;
		r = libc.unshare(flags);
		linger_resume();
	}
	return r;
}

EXPORT int unshare(int flags)
{
	return flags & CLONE_FILES ? (int)FINISH(unshare_files(flags)) : unshare_others(flags);
}

EXPORT int setns(int fd, int type)
{
	int saved = errno, r = libc.setns(fd, type);

	if (r < 0 && try_without_thread()) {
		errno = saved;
		r = libc.setns(fd, type);
		linger_resume();
	}
	return r;
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
