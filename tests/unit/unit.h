/* SPDX-License-Identifier: MIT */
/* unit.h - what the tests of single rooms share. */
#ifndef TEST_UNIT_H
#define TEST_UNIT_H

#include "chance.h"
#include "test.h"

#include <stdbool.h>
#include <stdlib.h>

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
