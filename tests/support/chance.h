/* SPDX-License-Identifier: MIT */
/* chance.h - tests of chance: numbers and seeds. */
#ifndef TEST_CHANCE_H
#define TEST_CHANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Numbers that a seed decides alone, so that a failure can be had again. */
struct rng {
	uint64_t state;
};

static inline struct rng rng_seed(uint64_t seed)
{
	return (struct rng){(seed + 1) * 0x9e3779b97f4a7c15u};
}

static inline uint32_t rng_next(struct rng *rng)
{
	rng->state = rng->state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(rng->state >> 33);
}

/* Returns a number from low to high, both included. */
static inline size_t rng_range(struct rng *rng, size_t low, size_t high)
{
	return low + rng_next(rng) % (high - low + 1);
}

/* True once in n times. */
static inline bool rng_once_in(struct rng *rng, unsigned int n)
{
	return rng_next(rng) % n == 0;
}

/*
 * The seeds of a test of chance: from *first, as many as returned. TLSSOCK_TEST_SEEDS
 * multiplies how many; TLSSOCK_TEST_SEED is one alone, or the first if both are given.
 */
static inline unsigned int chance_seeds(unsigned int usual, unsigned int *first)
{
	const char *factor = getenv("TLSSOCK_TEST_SEEDS"), *one = getenv("TLSSOCK_TEST_SEED");

	*first = one ? (unsigned int)strtoul(one, NULL, 10) : 0;
	if (one && !factor)
		return 1;
	return factor ? usual * (unsigned int)strtoul(factor, NULL, 10) : usual;
}

#endif /* TEST_CHANCE_H */
