/* SPDX-License-Identifier: MIT */
/*
 * The keys that seal the tickets of a server's sessions (RFC 8446, 4.6.1; RFC 5077).
 *
 * A process has keys of its own, made before it forks, so that all processes of a server
 * have the same: each makes the next one out of the present one when the time has come.
 * What was used before cannot be had from it. Servers on several machines share a file.
 */
#ifndef TICKETS_H
#define TICKETS_H

#include <stddef.h>
#include <stdint.h>

enum {
	TICKET_KEY = 64,
	TICKET_KEYS_IN_FILE = 4,
	TICKET_KEYS = 2 * TICKET_KEYS_IN_FILE,
	TICKET_ROTATION_S = 12 * 3600,
};

/* The first one seals; tickets of the others are taken too. */
struct ticket_keys {
	unsigned int count;
	uint8_t keys[TICKET_KEYS][TICKET_KEY];
};

/* Seconds of a clock that all processes of the machine agree on. */
int64_t tickets_now_s(void);

/* The process's own; made with the first call. Returns 0 or a negative errno. */
int tickets_own(int64_t now_s, struct ticket_keys *out);

/*
 * Those of a file, which is read again when it has changed: then the keys that it had
 * before are taken for grace_s longer. It has 1 to TICKET_KEYS_IN_FILE of TICKET_KEY
 * bytes each, and nobody but its owner, root or the caller, and a group may read it. A
 * file that cannot be used any more leaves the keys as they were, with a line in the log.
 *
 * Returns 0; -ENOENT, -EACCES, …; -EINVAL for a wrong size; -ENOMEM; reason says why.
 */
int tickets_of_file(const char *path, int64_t now_s, int64_t grace_s, struct ticket_keys *out,
		    char *reason, size_t size);

/* Forgets all keys. */
void tickets_wipe(void);

/* For fork: nobody is in the middle of it. */
void tickets_lock(void);
void tickets_unlock(void);

#endif /* TICKETS_H */
