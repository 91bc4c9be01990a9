/* SPDX-License-Identifier: MIT */
#include "settingsshare.h"

#include "guard.h"

#include <string.h>

/* How many can be found; with the next the oldest cannot, whoever has it. */
enum { FOUND = 8 };

static struct guard lock = GUARD_INIT;
static struct settings *found[FOUND]; /* without references */
static unsigned int next;

void settingsshare_lock(void)
{
	guard_lock(&lock);
}

void settingsshare_unlock(void)
{
	guard_unlock(&lock);
}

static bool same_value(const struct setting *a, const struct setting *b)
{
	return a->told == b->told && a->len == b->len && !a->data == !b->data &&
	       (!a->data || memcmp(a->data, b->data, a->len) == 0);
}

static bool same(const struct settings *a, const struct settings *b)
{
	bool equal = a->protocol == b->protocol && a->zephyr == b->zephyr &&
		     memcmp(a->numbers, b->numbers, sizeof(a->numbers)) == 0;

	for (int i = 0; equal && i < SETTING_VALUES; i++)
		equal = same_value(&a->values[i], &b->values[i]);
	return equal && credential_spec_equal(&a->spec, &b->spec);
}

/* Who puts the last reference waits for the lock before it frees. */
static bool try_ref(struct settings *s)
{
	unsigned int refs = __atomic_load_n(&s->refs, __ATOMIC_RELAXED);

	while (refs)
		if (__atomic_compare_exchange_n(&s->refs, &refs, refs + 1, true, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

static struct settings *find_locked(const struct settings *wanted)
{
	for (unsigned int i = 0; i < FOUND; i++)
		if (found[i] && same(found[i], wanted) && try_ref(found[i]))
			return found[i];
	return NULL;
}

static void drop_locked(unsigned int i)
{
	struct settings *s = found[i];

	found[i] = NULL;
	if (s)
		__atomic_store_n(&s->found, false, __ATOMIC_RELEASE);
}

void settingsshare(struct settings **s)
{
	struct settings *other;

	if (__atomic_load_n(&(*s)->found, __ATOMIC_ACQUIRE))
		return;
	settingsshare_lock();
	other = find_locked(*s);
	if (!other) {
		drop_locked(next);
		found[next] = *s;
		next = (next + 1) % FOUND;
		__atomic_store_n(&(*s)->found, true, __ATOMIC_RELEASE);
	}
	settingsshare_unlock();
	if (other) {
		settings_put(*s);
		*s = other;
	}
}

void settingsshare_forget(struct settings *s)
{
	if (!__atomic_load_n(&s->found, __ATOMIC_ACQUIRE))
		return;
	settingsshare_lock();
	for (unsigned int i = 0; i < FOUND; i++)
		if (found[i] == s)
			drop_locked(i);
	settingsshare_unlock();
}
