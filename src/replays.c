/* SPDX-License-Identifier: MIT */
#include "replays.h"

#include "libgnutls.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <time.h>

enum {
	SALT = 32,
	ID = 32,
	TIME_BITS = 24,
	TIME_MASK = (1 << TIME_BITS) - 1,
	MOST_S = TIME_MASK / 2, /* what is later than that has been */
	SLACK_S = 1,		/* between two processes' looks at the clock */
};

/* A word has a part of the id's digest, and until when it counts; 0: nothing. */
struct replays {
	uint8_t salt[SALT];
	_Atomic int64_t latest_s;
	_Atomic uint64_t words[REPLAYS_BUCKETS][REPLAYS_WAYS];
};

static struct replays *own;
static gnutls_anti_replay_t own_gnutls;
static _Atomic int64_t longest_s;

struct replays *replays_new(void)
{
	struct replays *r = mmap(NULL, sizeof(*r), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (r == MAP_FAILED)
		return NULL;
	if (getrandom(r->salt, sizeof(r->salt), 0) != sizeof(r->salt)) {
		munmap(r, sizeof(*r));
		return NULL;
	}
	return r;
}

void replays_free(struct replays *r)
{
	if (r)
		munmap(r, sizeof(*r));
}

/* Tickets grow old by a clock that can be set back: what was forgotten could come again. */
static bool clock_went_on(struct replays *r, int64_t now_s)
{
	int64_t latest_s = atomic_load(&r->latest_s);

	while (now_s > latest_s)
		if (atomic_compare_exchange_weak(&r->latest_s, &latest_s, now_s))
			return true;
	return now_s >= latest_s - SLACK_S;
}

static bool counts(uint64_t word, int64_t now_s)
{
	return word && (((int64_t)(word & TIME_MASK) - now_s) & TIME_MASK) <= MOST_S;
}

static uint64_t tag_of(uint64_t word)
{
	return word >> TIME_BITS;
}

/* Chosen by chance: who could aim at a bucket could fill it. */
static bool place(struct replays *r, const void *id, size_t len, uint64_t *tag, size_t *bucket)
{
	uint8_t digest[32];
	uint64_t parts[2];

	if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, r->salt, SALT, id, len, digest) < 0)
		return false;
	memcpy(parts, digest, sizeof(parts));
	*tag = tag_of(parts[0]) | 1;
	*bucket = parts[1] % REPLAYS_BUCKETS;
	return true;
}

static unsigned int count(_Atomic uint64_t *words, uint64_t tag, int64_t now_s)
{
	unsigned int n = 0;

	for (int i = 0; i < REPLAYS_WAYS; i++) {
		uint64_t word = atomic_load(&words[i]);

		n += counts(word, now_s) && tag_of(word) == tag;
	}
	return n;
}

/* A place that is free now, and what is there. */
static _Atomic uint64_t *find_free(_Atomic uint64_t *words, int64_t now_s, uint64_t *there)
{
	for (int i = 0; i < REPLAYS_WAYS; i++) {
		*there = atomic_load(&words[i]);
		if (!counts(*there, now_s))
			return &words[i];
	}
	return NULL;
}

/*
 * Without a lock, which a process that is stopped or killed could hold. Two that are at it
 * at once may have found different places free: then one sees the other's word, or each
 * does, and neither is the first.
 */
bool replays_first(struct replays *r, const void *id, size_t len, int64_t now_s, int64_t keep_s)
{
	_Atomic uint64_t *words, *at;
	uint64_t tag, there, word;
	size_t bucket;

	if (!clock_went_on(r, now_s) || !place(r, id, len, &tag, &bucket))
		return false;
	words = r->words[bucket];
	keep_s = keep_s < MOST_S ? keep_s : MOST_S;
	word = tag << TIME_BITS | (uint64_t)((now_s + keep_s) & TIME_MASK);
	do {
		at = count(words, tag, now_s) ? NULL : find_free(words, now_s, &there);
		if (!at)
			return false;
	} while (!atomic_compare_exchange_strong(at, &there, word));
	return count(words, tag, now_s) == 1;
}

/*
 * The key ends with the ClientHello's binder. What GnuTLS puts before it, since when it
 * records, is another in each process, and changes: not a part of the id.
 */
static int add(void *ptr, time_t until, const gnutls_datum_t *key, const gnutls_datum_t *data)
{
	struct timespec now;

	(void)until;
	(void)data;
	/* The clock by which GnuTLS has tickets grow old. */
	clock_gettime(CLOCK_REALTIME, &now);
	if (key->size < ID || !replays_first(ptr, key->data + key->size - ID, ID, now.tv_sec,
					     atomic_load(&longest_s)))
		return GNUTLS_E_DB_ENTRY_EXISTS;
	return 0;
}

void replays_begin(void)
{
	gnutls_anti_replay_t gnutls;

	if (own || gnutls_anti_replay_init(&gnutls) < 0)
		return;
	own = replays_new();
	if (!own) {
		gnutls_anti_replay_deinit(gnutls);
		return;
	}
	/*
	 * As long as it can be: after each of its windows GnuTLS takes no early data with any
	 * ticket of before.
	 */
	gnutls_anti_replay_set_window(gnutls, UINT32_MAX);
	gnutls_anti_replay_set_ptr(gnutls, own);
	gnutls_anti_replay_set_add_function(gnutls, add);
	own_gnutls = gnutls;
}

gnutls_anti_replay_t replays_gnutls(int64_t keep_s)
{
	int64_t longest = atomic_load(&longest_s);

	keep_s += 2 * SLACK_S;
	while (keep_s > longest)
		if (atomic_compare_exchange_weak(&longest_s, &longest, keep_s))
			break;
	return own_gnutls;
}
