/* SPDX-License-Identifier: MIT */
/* unit.h - what the tests of single rooms share. */
#ifndef TEST_UNIT_H
#define TEST_UNIT_H

#include "test.h"

#include <stdbool.h>
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
 * multiplies how many; TLSSOCK_TEST_SEED is one alone.
 */
static inline unsigned int unit_seeds(unsigned int usual, unsigned int *first)
{
	const char *factor = getenv("TLSSOCK_TEST_SEEDS"), *one = getenv("TLSSOCK_TEST_SEED");

	*first = one ? (unsigned int)strtoul(one, NULL, 10) : 0;
	if (one)
		return 1;
	return factor ? usual * (unsigned int)strtoul(factor, NULL, 10) : usual;
}

/* Setup and teardown of a case: it leaves no descriptor. */
int unit_setup(void **state);
int unit_teardown(void **state);

/* True while the case has more descriptors than it began with. */
bool unit_descriptors_left(void);

#define UNIT_CASE(function) cmocka_unit_test_setup_teardown(function, unit_setup, unit_teardown)

/* A function for each row of a table: state is the row. */
#define UNIT_ROW(title, function, row)                                                             \
	(struct CMUnitTest)                                                                        \
	{                                                                                          \
		(title), (function), unit_setup, unit_teardown, ROW(row)                           \
	}

/* Reads a file that is smaller than size. Returns how long it is. */
size_t read_file(const char *path, char *bytes, size_t size);

/* A function for each row of a table and each version: state is a struct versioned. */
struct versioned {
	int version;
	const void *row;
	char title[96];
};

/* A case of these, whose place stays in use. */
struct CMUnitTest versioned_case(int version, const char *title, CMUnitTestFunction run,
				 const void *row);

#endif /* TEST_UNIT_H */
