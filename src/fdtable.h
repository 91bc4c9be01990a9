/* SPDX-License-Identifier: MIT */
/*
 * From descriptor numbers to reference-counted objects. Knows nothing of what
 * the objects are.
 *
 * The table does not exist until the first object is installed, so that in a
 * program without TLS sockets fdtable_has() is one compare. After that a bit for each
 * number tells which are ours: a static place, found without a pointer, and the same
 * words as an fd_set's. Looking a number up takes no lock: entries come from a pool and
 * are never given back to malloc, so a reference may be tried on an entry that was just
 * retired, and is dropped again when the slot no longer names it.
 */
#ifndef FDTABLE_H
#define FDTABLE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct entry {
	atomic_uint refs;	  /* 0: in the pool */
	unsigned int descriptors; /* how many numbers name it; the table's lock */
	void *object;		  /* NULL: a descriptor that is the library's own */
	void (*release)(void *object);
	bool forking; /* fork holds a reference */
	struct entry *next_held;
	struct entry *next; /* in the pool, or among the live */
	struct entry *prev;
};

struct slot {
	_Atomic(struct entry *) entry;
	atomic_bool cloexec; /* FD_CLOEXEC as the program sees it */
};

/* Linux's default fs.nr_open: 16 MiB of address space, touched where used. */
enum {
	FDTABLE_SIZE = 1 << 20,
	FDTABLE_WORD = 8 * sizeof(unsigned long),
	FDTABLE_WORDS = FDTABLE_SIZE / FDTABLE_WORD,
};

struct fdtable {
	/* Set before a slot gets its entry and cleared after it lost it, with the lock. */
	atomic_ulong bits[FDTABLE_WORDS];
	atomic_uint end; /* past the highest number that was ever one of ours */
	struct slot *slots;
};

/* Hidden here too, or every hook would look its address up first. */
extern struct fdtable fdtable __attribute__((visibility("hidden")));

/* False as long as no number has ever been one of ours. */
static inline bool fdtable_any(void)
{
	return atomic_load_explicit(&fdtable.end, memory_order_relaxed) != 0;
}

/* No number from here on is ours. Never falls. */
static inline unsigned int fdtable_end(void)
{
	return atomic_load_explicit(&fdtable.end, memory_order_acquire);
}

/* Which are ours of the numbers that a word of an fd_set is about; below FDTABLE_WORDS. */
static inline unsigned long fdtable_word(size_t i)
{
	return atomic_load_explicit(&fdtable.bits[i], memory_order_relaxed);
}

/* fdtable_has() for many, which look the end up once. */
static inline bool fdtable_has_below(unsigned int end, int fd)
{
	unsigned int number = (unsigned int)fd;

	return number < end && (fdtable_word(number / FDTABLE_WORD) >> number % FDTABLE_WORD & 1);
}

/* True if the number is one of ours. All that a plain descriptor pays. */
static inline bool fdtable_has(int fd)
{
	return fdtable_has_below(fdtable_end(), fd);
}

/*
 * Returns a new entry for an object, with one reference for the caller, or NULL
 * without memory. release is called with the object when the last one is put.
 */
struct entry *fdtable_new(void *object, void (*release)(void *object));

/* Returns the number's entry with a reference for the caller, or NULL. */
struct entry *fdtable_get(int fd);

/* Drops a reference; takes NULL. */
void fdtable_put(struct entry *entry);

/*
 * Makes the number name the entry and takes a reference for it. What the number
 * named before is forgotten. Returns 0, -ENOMEM, or -EMFILE for a number past
 * the table's end.
 */
int fdtable_install(int fd, struct entry *entry, bool cloexec);

/*
 * Makes the number name nothing. Returns its entry, whose reference becomes the
 * caller's, or NULL.
 */
struct entry *fdtable_remove(int fd);

/*
 * Around the real close of a number, or dup2 over it. begin lets nobody in: who
 * looks the number up waits for end, since what it would write must neither reach
 * the old socket past us, nor be refused on a new file that got the number.
 * Returns the entry with a reference for the caller, or NULL where the number is
 * not one to be closed; *last tells whether no other number names it.
 */
struct entry *fdtable_begin_close(int fd, bool *last);
void fdtable_end_close(int fd);

/*
 * Before dup2 to a number that is not ours yet: as begin_close, who looks it up waits
 * for fdtable_install() or fdtable_end_close(). Returns as fdtable_install().
 */
int fdtable_begin_open(int fd);

/* In a child that is alone with its copy of the table: forgets, without the lock. */
void fdtable_clear(int fd);

/* True if the number still names the entry. */
bool fdtable_names(int fd, const struct entry *entry);

/* The first number from fd on that is ours, the library's own included; -1: none. */
int fdtable_next(int fd);

/* True if any number names an object. */
bool fdtable_in_use(void);

/* Calls a function with each number that is ours, and a reference held. */
void fdtable_each_number(void (*fn)(int fd, void *object));

/* True if dup2 and its like may still give the number to a file (RLIMIT_NOFILE). */
bool fdtable_below_limit(int fd);

/* FD_CLOEXEC as the program sees it, of a number that is ours. */
bool fdtable_cloexec(int fd);
void fdtable_set_cloexec(int fd, bool on);

/*
 * Marks a descriptor as the library's own: fdtable_get gives an entry without
 * object. Returns as fdtable_install.
 */
int fdtable_reserve(int fd);

/* The number is no longer one. */
void fdtable_unreserve(int fd);

/* True if the number is marked so. */
bool fdtable_is_reserved(int fd);

/*
 * Around fork: locks the table and takes a reference on every object that is in use,
 * so that the same ones are seen until the end; then gives both back.
 */
void fdtable_fork_lock(void);
void fdtable_fork_unlock(void);
void fdtable_fork_each(void (*fn)(void *object, void *arg), void *arg);

#endif /* FDTABLE_H */
