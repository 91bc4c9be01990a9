/* SPDX-License-Identifier: MIT */
#include "owner.h"

#include "guard.h"
#include "libc.h"
#include "ownfd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/random.h>

struct word {
	_Atomic uint64_t token; /* 0: unclaimed */
	atomic_int holders;	/* processes with a copy that have not closed it */
};

struct arena {
	struct word *words; /* shared with the other process */
	unsigned int count; /* room */
	unsigned int used;
	unsigned int refs;     /* objects of this process in it */
	struct ownfd *pipe[2]; /* the read end tells the parent that its child is gone */
	pid_t parent;
	bool is_shared_again;	/* by a later fork: there is one process more */
	struct arena *replaced; /* by this one, to be freed when fork is over */
};

/* A page that the kernel empties in a child, however the child was made. */
static struct process {
	_Atomic uint64_t token;
	pid_t pid;
} * process;

static struct guard lock = GUARD_INIT;

enum { NOBODY = 1 };

static void draw_token(void)
{
	uint64_t token = 0;

	while (token <= NOBODY)
		if (getrandom(&token, sizeof(token), 0) != (ssize_t)sizeof(token))
			abort(); /* without randomness there are no keys either */
	process->pid = getpid();
	atomic_store(&process->token, token);
}

int owner_process_init(void)
{
	long page = sysconf(_SC_PAGESIZE);
	void *map;

	if (process)
		return 0;
	map = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED)
		return -ENOMEM;
	if (madvise(map, (size_t)page, MADV_WIPEONFORK) < 0) {
		munmap(map, (size_t)page);
		return -ENOSYS;
	}
	process = map;
	draw_token();
	return 0;
}

bool owner_in_vfork_child(void)
{
	return process && process->pid && process->pid != getpid();
}

bool owner_orphaned(void)
{
	return process && !atomic_load_explicit(&process->token, memory_order_relaxed);
}

void owner_init(struct owner *owner)
{
	owner->token = atomic_load(&process->token);
	owner->arena = NULL;
	owner->index = 0;
}

static struct word *shared_word(const struct owner *owner)
{
	return owner->arena ? &owner->arena->words[owner->index] : NULL;
}

bool owner_is_self(const struct owner *owner)
{
	uint64_t self = atomic_load_explicit(&process->token, memory_order_relaxed);
	const struct word *word = shared_word(owner);

	return self && (word ? atomic_load(&word->token) : owner->token) == self;
}

bool owner_is_others(const struct owner *owner)
{
	const struct word *word = shared_word(owner);

	return !owner_is_self(owner) && (!word || atomic_load(&word->token) != 0);
}

bool owner_claim(struct owner *owner)
{
	uint64_t self = atomic_load_explicit(&process->token, memory_order_relaxed);
	struct word *word = shared_word(owner);
	uint64_t nobody = 0;

	if (owner_is_self(owner))
		return true;
	return self && word && atomic_compare_exchange_strong(&word->token, &nobody, self);
}

static bool has_hung_up(const struct ownfd *own)
{
	struct pollfd p = {.fd = ownfd_enter(own), .events = POLLIN};
	int r;

	if (p.fd < 0)
		return false;
	r = libc.poll(&p, 1, 0);
	ownfd_leave();
	return r == 1 && (p.revents & POLLHUP);
}

/* The other one of two processes has exited or called exec without closing. */
static bool other_is_gone(const struct arena *arena)
{
	if (arena->is_shared_again)
		return false;
	if (arena->parent == getpid())
		return arena->pipe[0] && has_hung_up(arena->pipe[0]);
	return getppid() != arena->parent;
}

bool owner_claim_last(struct owner *owner)
{
	struct word *word = shared_word(owner);
	int left;

	if (!word || owner_is_self(owner))
		return owner_is_self(owner);
	if (owner_orphaned() || atomic_load(&word->token) != 0)
		return false;
	left = atomic_fetch_sub(&word->holders, 1) - 1;
	if (left == 0 || (left == 1 && other_is_gone(owner->arena)))
		return owner_claim(owner);
	return false;
}

static void close_end(struct arena *arena, int which)
{
	ownfd_close(arena->pipe[which]);
	arena->pipe[which] = NULL;
}

static void arena_free(struct arena *arena)
{
	close_end(arena, 0);
	close_end(arena, 1);
	munmap(arena->words, arena->count * sizeof(struct word));
	free(arena);
}

static void arena_put(struct arena *arena)
{
	bool last;

	guard_lock(&lock);
	last = --arena->refs == 0;
	guard_unlock(&lock);
	if (last)
		arena_free(arena);
}

void owner_fini(struct owner *owner)
{
	if (owner->arena)
		arena_put(owner->arena);
	owner->arena = NULL;
}

/* Without descriptors the parent cannot tell that a child is gone; no harm. */
static void open_pipe(struct arena *arena)
{
	int ends[2];

	if (libc.pipe2(ends, O_CLOEXEC) < 0)
		return;
	for (int i = 0; i < 2; i++)
		arena->pipe[i] = ownfd_take(ends[i]);
}

struct arena *owner_fork_begin(unsigned int count)
{
	struct arena *arena = calloc(1, sizeof(*arena));
	void *map;

	if (!arena)
		return NULL;
	map = mmap(NULL, count * sizeof(struct word), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (map == MAP_FAILED) {
		free(arena);
		return NULL;
	}
	arena->words = map;
	arena->count = count;
	arena->parent = getpid();
	arena->refs = 1; /* fork's own, until its end */
	open_pipe(arena);
	guard_lock(&lock);
	return arena;
}

void owner_fork_share(struct arena *arena, struct owner *owner)
{
	struct word *word = shared_word(owner);

	if (!owner_is_self(owner)) {
		/* Unclaimed from an earlier fork: one holder more of the same word. */
		if (word) {
			atomic_fetch_add(&word->holders, 1);
			owner->arena->is_shared_again = true;
		}
		return;
	}
	if (!arena || arena->used == arena->count) {
		owner->token = NOBODY;
		return;
	}
	if (owner->arena && --owner->arena->refs == 0) {
		owner->arena->replaced = arena->replaced;
		arena->replaced = owner->arena;
	}
	owner->arena = arena;
	owner->index = arena->used++;
	arena->refs++;
	atomic_store(&arena->words[owner->index].holders, 2);
}

/* The table is not locked any more: descriptors can be forgotten and reserved. */
static void end(struct arena *arena, bool is_parent)
{
	struct arena *old;

	if (!arena)
		return;
	while ((old = arena->replaced)) {
		arena->replaced = old->replaced;
		arena_free(old);
	}
	close_end(arena, is_parent ? 1 : 0);
	for (int i = 0; i < 2; i++)
		if (arena->pipe[i])
			ownfd_mark(arena->pipe[i]);
	arena_put(arena);
}

void owner_fork_unlock(struct arena *arena)
{
	if (arena)
		guard_unlock(&lock);
}

void owner_fork_parent(struct arena *arena)
{
	end(arena, true);
}

void owner_fork_child(struct arena *arena)
{
	draw_token();
	end(arena, false);
}
