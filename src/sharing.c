/* SPDX-License-Identifier: MIT */
#include "sharing.h"

#include "fdtable.h"
#include "libc.h"
#include "log.h"
#include "owner.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

enum { EXIT_MOMENTS = 20 };

static atomic_bool ended;

/*
 * A thread that was joined may be on its way out of the kernel still: it is given a moment,
 * which who really has threads spends in vain.
 */
bool sharing_alone(void)
{
	const struct timespec moment = {.tv_nsec = 100000};
	struct stat tasks;
	bool alone;

	for (int i = 0;; i++) {
		alone = stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3;
		if (alone || i == EXIT_MOMENTS)
			return alone;
		nanosleep(&moment, NULL);
	}
}

bool sharing_ended(void)
{
	return atomic_load(&ended);
}

void sharing_fork_child(void)
{
	atomic_store(&ended, false);
}

static int refuse(const char *call)
{
	log_line(LEVEL_ERROR,
		 "%s: a thread with descriptors of its own and TLS sockets cannot be in one "
		 "process",
		 call);
	return -EINVAL;
}

/*
 * Who makes a socket enters it and then looks here; this is the other way round. Of the
 * two at least one sees the other, and both may fail.
 */
static int end(const char *call)
{
	bool before;

	if (fdtable_in_use())
		return refuse(call);
	before = atomic_exchange(&ended, true);
	if (before || !fdtable_in_use())
		return 0;
	atomic_store(&ended, false);
	return refuse(call);
}

int sharing_end(const char *call)
{
	/* A child without threads, or one that has a table of its own already. */
	if (owner_in_vfork_child() || owner_orphaned())
		return 0;
	return end(call);
}

int sharing_end_unless_alone(const char *call)
{
	return sharing_alone() ? 0 : sharing_end(call);
}
