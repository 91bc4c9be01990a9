/* SPDX-License-Identifier: MIT */
/*
 * Which process owns a session after fork. Two processes with a copy of one
 * session would seal two records under one nonce, so the first that uses it
 * claims it, and the other is refused.
 *
 * Until a fork the owner is the process that made the object. fork replaces it
 * by a word in memory that parent and child share, unclaimed. A process is
 * named by a random token that the kernel wipes in any child, also in one that
 * was made without fork's handlers.
 */
#ifndef OWNER_H
#define OWNER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct arena;

struct owner {
	uint64_t token;	     /* who owns it while it is not shared */
	struct arena *arena; /* NULL: not shared */
	unsigned int index;  /* of the shared word */
};

/* Draws this process's token. Returns 0 or a negative errno. */
int owner_process_init(void);

/* The object is this process's. */
void owner_init(struct owner *owner);

/* Gives up what owner_init and fork took; the object is not used any more. */
void owner_fini(struct owner *owner);

/* True if the object is this process's, or unclaimed and now this process's. */
bool owner_claim(struct owner *owner);

/* True if it is this process's already. */
bool owner_is_self(const struct owner *owner);

/* True if this process cannot have it: another has claimed it. */
bool owner_is_others(const struct owner *owner);

/*
 * For close: true if this process owns the object, or if nobody claimed it and
 * no other process that could is left. Then it is claimed.
 */
bool owner_claim_last(struct owner *owner);

/*
 * Around fork, with every object locked: begin with how many objects there
 * may be, share each, then end as parent or as child. begin returns NULL when
 * there is no memory: then sharing makes each object nobody's.
 */
struct arena *owner_fork_begin(unsigned int count);
void owner_fork_unlock(struct arena *arena); /* when all are shared */
void owner_fork_share(struct arena *arena, struct owner *owner);
void owner_fork_parent(struct arena *arena);
void owner_fork_child(struct arena *arena);

/* True in a child that shares our memory (vfork): it must change nothing. */
bool owner_in_vfork_child(void);

/*
 * True in a child that was made without fork's handlers (_Fork, clone): what it has
 * is a copy in which locks may be held by nobody. It uses no session.
 */
bool owner_orphaned(void);

#endif /* OWNER_H */
