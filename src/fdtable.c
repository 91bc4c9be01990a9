/* SPDX-License-Identifier: MIT */
#include "fdtable.h"

#include "guard.h"
#include "libc.h"
#include "signals.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { CLOSING_YIELDS = 10000 };

struct fdtable fdtable;

static struct guard lock = GUARD_INIT;
static struct entry *pool;
static struct entry live = {.next = &live, .prev = &live};
static struct entry reserved = {.refs = 1};
static struct entry closing = {.refs = 1};

static void fdtable_lock(void)
{
	guard_lock(&lock);
}

static void fdtable_unlock(void)
{
	guard_unlock(&lock);
}

static int create_table(void)
{
	void *map;

	if (fdtable.slots)
		return 0;
	map = mmap(NULL, FDTABLE_SIZE * sizeof(struct slot), PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return -ENOMEM;
	fdtable.slots = map;
	return 0;
}

struct entry *fdtable_new(void *object, void (*release)(void *object))
{
	struct entry *entry;

	fdtable_lock();
	entry = pool;
	if (entry)
		pool = entry->next;
	else
		entry = calloc(1, sizeof(*entry));
	if (entry) {
		entry->object = object;
		entry->release = release;
		entry->descriptors = 0;
		entry->next = &live;
		entry->prev = live.prev;
		live.prev->next = entry;
		live.prev = entry;
		atomic_store(&entry->refs, 1);
	}
	fdtable_unlock();
	return entry;
}

/* A reference can be had only while somebody else has one. */
static bool try_ref(struct entry *entry)
{
	unsigned int refs = atomic_load(&entry->refs);

	while (refs)
		if (atomic_compare_exchange_weak(&entry->refs, &refs, refs + 1))
			return true;
	return false;
}

struct entry *fdtable_get(int fd)
{
	struct entry *entry;
	int yields = 0;

	if (!fdtable_has(fd))
		return NULL;
	while ((entry = atomic_load(&fdtable.slots[fd].entry))) {
		if (entry == &closing && yields++ < CLOSING_YIELDS) {
			sched_yield();
			continue;
		}
		/* Longer than any close: a signal handler of the closing thread. */
		if (entry == &closing || entry == &reserved)
			return &reserved;
		if (!try_ref(entry)) {
			sched_yield();
			continue;
		}
		if (atomic_load(&fdtable.slots[fd].entry) == entry)
			return entry;
		fdtable_put(entry);
	}
	return NULL;
}

static void retire(struct entry *entry)
{
	/* What frees memory is not to be interrupted by what may use it. */
	signals_hold();
	if (entry->release)
		entry->release(entry->object);
	fdtable_lock();
	entry->object = NULL;
	entry->next->prev = entry->prev;
	entry->prev->next = entry->next;
	entry->next = pool;
	pool = entry;
	fdtable_unlock();
	signals_let();
}

void fdtable_put(struct entry *entry)
{
	if (!entry || entry == &reserved || entry == &closing)
		return;
	if (atomic_fetch_sub(&entry->refs, 1) == 1)
		retire(entry);
}

/* The bit is there as long as an entry is: whoever finds it looks at the slot. */
static void name_locked(int fd, struct entry *entry)
{
	atomic_ulong *word = &fdtable.bits[(unsigned int)fd / FDTABLE_WORD];
	unsigned long bit = 1UL << (unsigned int)fd % FDTABLE_WORD;

	if (entry)
		atomic_fetch_or(word, bit);
	atomic_store(&fdtable.slots[fd].entry, entry);
	if (!entry)
		atomic_fetch_and(word, ~bit);
	if (entry && (unsigned int)fd >= fdtable_end())
		atomic_store(&fdtable.end, (unsigned int)fd + 1);
}

/* With the lock, or the bit of an entry that has just come would go. */
static void forget(int fd, const struct entry *expected)
{
	fdtable_lock();
	if (atomic_load(&fdtable.slots[fd].entry) == expected)
		name_locked(fd, NULL);
	fdtable_unlock();
}

static struct entry *replace_locked(int fd, struct entry *entry, bool cloexec)
{
	struct slot *slot = &fdtable.slots[fd];
	struct entry *old = atomic_load(&slot->entry);

	atomic_store(&slot->cloexec, cloexec);
	name_locked(fd, entry);
	if (old)
		old->descriptors--; /* of the two that stand for no object: never read */
	return old;
}

int fdtable_install(int fd, struct entry *entry, bool cloexec)
{
	struct entry *old = NULL;
	int r;

	if (fd < 0 || fd >= FDTABLE_SIZE)
		return -EMFILE;
	fdtable_lock();
	r = create_table();
	if (r == 0) {
		atomic_fetch_add(&entry->refs, 1);
		entry->descriptors++;
		old = replace_locked(fd, entry, cloexec);
	}
	fdtable_unlock();
	fdtable_put(old);
	return r;
}

struct entry *fdtable_remove(int fd)
{
	struct entry *old;

	if (!fdtable_has(fd))
		return NULL;
	fdtable_lock();
	old = replace_locked(fd, NULL, false);
	fdtable_unlock();
	return old;
}

struct entry *fdtable_begin_close(int fd, bool *last)
{
	struct entry *old = fdtable_get(fd);

	if (!old || !old->object) {
		fdtable_put(old);
		return NULL;
	}
	fdtable_put(old);
	fdtable_lock();
	old = atomic_load(&fdtable.slots[fd].entry);
	if (old && old->object)
		replace_locked(fd, &closing, false);
	else
		old = NULL;
	if (old)
		*last = old->descriptors == 0;
	fdtable_unlock();
	return old;
}

void fdtable_end_close(int fd)
{
	/* Unless the number was reused for one of ours already. */
	forget(fd, &closing);
}

int fdtable_begin_open(int fd)
{
	int r;

	if (fd < 0 || fd >= FDTABLE_SIZE)
		return -EMFILE;
	fdtable_lock();
	r = create_table();
	if (r == 0 && !atomic_load(&fdtable.slots[fd].entry))
		name_locked(fd, &closing);
	fdtable_unlock();
	return r;
}

void fdtable_clear(int fd)
{
	if (fdtable_has(fd))
		name_locked(fd, NULL);
}

bool fdtable_names(int fd, const struct entry *entry)
{
	return fdtable_has(fd) && atomic_load(&fdtable.slots[fd].entry) == entry;
}

int fdtable_next(int fd)
{
	unsigned int end = fdtable_end();

	for (unsigned int at = (unsigned int)fd; at < end; at = (at | (FDTABLE_WORD - 1)) + 1) {
		unsigned long bits = fdtable_word(at / FDTABLE_WORD) >> at % FDTABLE_WORD;

		if (bits)
			return (int)at + __builtin_ctzl(bits);
	}
	return -1;
}

bool fdtable_in_use(void)
{
	bool found = false;

	for (int fd = fdtable_next(0); fd >= 0 && !found; fd = fdtable_next(fd + 1)) {
		struct entry *entry = fdtable_get(fd);

		found = entry && entry->object;
		fdtable_put(entry);
	}
	return found;
}

void fdtable_each_number(void (*fn)(int fd, void *object))
{
	for (int fd = fdtable_next(0); fd >= 0; fd = fdtable_next(fd + 1)) {
		struct entry *entry = fdtable_get(fd);

		if (entry && entry->object)
			fn(fd, entry->object);
		fdtable_put(entry);
	}
}

bool fdtable_below_limit(int fd)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) < 0 || (rlim_t)fd < limit.rlim_cur;
}

bool fdtable_cloexec(int fd)
{
	return fdtable_has(fd) && atomic_load(&fdtable.slots[fd].cloexec);
}

void fdtable_set_cloexec(int fd, bool on)
{
	if (fdtable_has(fd))
		atomic_store(&fdtable.slots[fd].cloexec, on);
}

int fdtable_reserve(int fd)
{
	return fdtable_install(fd, &reserved, true);
}

void fdtable_unreserve(int fd)
{
	if (fdtable_has(fd))
		forget(fd, &reserved);
}

bool fdtable_is_reserved(int fd)
{
	return fdtable_names(fd, &reserved);
}

void fdtable_fork_lock(void)
{
	fdtable_lock();
	/* With a reference: an object whose last one is being dropped is left alone. */
	for (struct entry *entry = live.next; entry != &live; entry = entry->next)
		entry->forking = try_ref(entry);
}

void fdtable_fork_unlock(void)
{
	struct entry *held = NULL, *entry;

	for (entry = live.next; entry != &live; entry = entry->next) {
		if (!entry->forking)
			continue;
		entry->forking = false;
		entry->next_held = held;
		held = entry;
	}
	fdtable_unlock();
	while ((entry = held)) {
		held = entry->next_held;
		fdtable_put(entry);
	}
}

void fdtable_fork_each(void (*fn)(void *object, void *arg), void *arg)
{
	for (struct entry *entry = live.next; entry != &live; entry = entry->next)
		if (entry->forking)
			fn(entry->object, arg);
}
