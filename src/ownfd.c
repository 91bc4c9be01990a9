/* SPDX-License-Identifier: MIT */
#include "ownfd.h"

#include "fdtable.h"
#include "guard.h"
#include "libc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>

enum { HIGH_DESCRIPTOR = 200 };

struct ownfd {
	atomic_int fd;	   /* -1: dropped */
	uint64_t identity; /* the kernel's name of the file */
	struct ownfd *next;
};

/* A lock for all: no call that is made with it waits. */
static struct guard lock = GUARD_INIT;
static struct ownfd *all;

void ownfd_lock(void)
{
	guard_lock(&lock);
}

void ownfd_unlock(void)
{
	guard_unlock(&lock);
}

/* Inodes are counted in 32 bits and devices in fewer, but for files on disks. 0: closed. */
static uint64_t identity(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_ino ^ (uint64_t)st.st_dev << 40;
}

unsigned long ownfd_limit(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? FDTABLE_SIZE : limit.rlim_cur;
}

int ownfd_high_dup(int fd)
{
	unsigned long limit = ownfd_limit(), from = limit - limit / 4;
	int high;

	if (from > HIGH_DESCRIPTOR)
		from = HIGH_DESCRIPTOR;
	while ((high = libc.fcntl64(fd, F_DUPFD_CLOEXEC, (int)from)) < 0 && errno == EMFILE && from)
		from = from > limit / 2 ? limit / 2 : 0;
	return high < 0 ? -errno : high;
}

static struct ownfd *hold(int fd, uint64_t file)
{
	struct ownfd *own = malloc(sizeof(*own));

	if (!own) {
		libc.close(fd);
		return NULL;
	}
	atomic_init(&own->fd, fd);
	own->identity = file;
	ownfd_lock();
	own->next = all;
	all = own;
	ownfd_unlock();
	return own;
}

struct ownfd *ownfd_dup(int fd)
{
	uint64_t file = identity(fd);
	int high = ownfd_high_dup(fd);

	return high < 0 ? NULL : hold(high, file);
}

struct ownfd *ownfd_take(int fd)
{
	uint64_t file = identity(fd);
	int high = ownfd_high_dup(fd);

	if (high >= 0) {
		libc.close(fd);
		fd = high;
	}
	return hold(fd, file);
}

int ownfd_number(const struct ownfd *own)
{
	return atomic_load(&own->fd);
}

void ownfd_mark(const struct ownfd *own)
{
	int fd = ownfd_number(own);

	if (fd >= 0)
		(void)!fdtable_reserve(fd);
}

static bool is_there(const struct ownfd *own)
{
	int fd = ownfd_number(own);

	return fd >= 0 && identity(fd) == own->identity;
}

int ownfd_enter(const struct ownfd *own)
{
	ownfd_lock();
	if (is_there(own))
		return ownfd_number(own);
	ownfd_unlock();
	return -1;
}

void ownfd_leave(void)
{
	ownfd_unlock();
}

/* The table first: who looks there finds a number that can be had, and the file is looked at. */
void ownfd_close(struct ownfd *own)
{
	struct ownfd **p = &all;
	int fd;

	if (!own)
		return;
	fd = ownfd_number(own);
	if (fd >= 0)
		fdtable_unreserve(fd);
	ownfd_lock();
	while (*p != own)
		p = &(*p)->next;
	*p = own->next;
	if (is_there(own))
		libc.close(ownfd_number(own));
	ownfd_unlock();
	/* Moved meanwhile. */
	if (ownfd_number(own) != fd)
		fdtable_unreserve(ownfd_number(own));
	free(own);
}

static struct ownfd *find_locked(int fd)
{
	struct ownfd *own = all;

	while (own && !(ownfd_number(own) == fd && is_there(own)))
		own = own->next;
	return own;
}

int ownfd_move(int fd)
{
	struct ownfd *own;
	int high = -EBADF;

	ownfd_lock();
	own = find_locked(fd);
	if (own)
		high = ownfd_high_dup(fd);
	if (high >= 0) {
		atomic_store(&own->fd, high);
		libc.close(fd);
	}
	ownfd_unlock();
	if (high < 0)
		return high;
	(void)!fdtable_reserve(high);
	fdtable_unreserve(fd);
	return 0;
}

void ownfd_drop(int fd)
{
	struct ownfd *own;

	ownfd_lock();
	own = find_locked(fd);
	if (own) {
		atomic_store(&own->fd, -1);
		libc.close(fd);
	}
	ownfd_unlock();
	fdtable_unreserve(fd);
}

bool ownfd_stale(int fd)
{
	bool stale;

	if (!fdtable_is_reserved(fd))
		return false;
	ownfd_lock();
	stale = !find_locked(fd);
	ownfd_unlock();
	if (stale)
		fdtable_unreserve(fd);
	return stale;
}
