/* SPDX-License-Identifier: MIT */
/*
 * The command line.
 */
#ifndef BENCH_ARGUMENTS_H
#define BENCH_ARGUMENTS_H

#include <stdbool.h>

#define MAX_SIZES 8

struct arguments {
	const char *measures;	/* comma list; NULL: all */
	const char *contenders; /* comma list; NULL: all */
	const char *cipher;	/* IANA name */
	const char *json;	/* file to write, or NULL */
	const char *programs;	/* directory of the contenders' programs */
	const char *library;	/* libtlssock.so, to preload */
	const char *ask;	/* to preload before it, into programs that ask for TCP */
	unsigned int writes[MAX_SIZES], write_count;
	unsigned int reads[MAX_SIZES], read_count;
	unsigned int rounds;
	unsigned int connections;
	double seconds;
	bool pin;
	bool instructions;
};

void arguments_parse(struct arguments *arguments, int argc, char **argv);

/* Whether name is in the comma list; a list of NULL has them all. */
bool list_has(const char *list, const char *name);

/* Exits, with the word, if the list has one that is not among the names. */
void list_check(const char *list, const char *const *names, unsigned int count);

#endif /* BENCH_ARGUMENTS_H */
