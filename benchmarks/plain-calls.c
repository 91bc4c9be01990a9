/* SPDX-License-Identifier: MIT */
/*
 * Calls read and write on descriptors that have nothing to do with TLS, so
 * that a library in front of libc can be measured by what it adds.
 *
 *	plain-calls [-t]		reads 'r' or 'w' from stdin, makes a
 *					batch of calls, and prints what one took,
 *					in ns
 *	plain-calls [-t] r COUNT	makes so many, for tools that count
 *					instructions
 *
 * -t: with a TLS socket open meanwhile. The first line says whether the library
 * is loaded.
 */
#include "common.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

#define BATCH 1000

static int zero, null;

static void make_calls(int which, unsigned int count)
{
	char byte = 'x';

	if (which == 'r') {
		while (count-- > 0)
			if (read(zero, &byte, 1) != 1)
				die_errno("read");
	} else {
		while (count-- > 0)
			if (write(null, &byte, 1) != 1)
				die_errno("write");
	}
}

static double time_batch(int which)
{
	double begin = now_seconds();

	make_calls(which, BATCH);
	return (now_seconds() - begin) / BATCH * 1e9;
}

static void open_descriptors(bool with_tls_socket)
{
	/* Kept, never used. */
	if (with_tls_socket && socket(AF_INET, SOCK_STREAM, IPPROTO_TLS) < 0)
		die_errno("socket IPPROTO_TLS");
	zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (zero < 0 || null < 0)
		die_errno("/dev/zero, /dev/null");
}

static void answer(void)
{
	int command;

	while ((command = getchar()) != EOF) {
		printf("%.9g\n", time_batch(command));
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	bool with_tls_socket = argc > 1 && strcmp(argv[1], "-t") == 0;
	char **rest = argv + 1 + with_tls_socket;

	/* All copies of this program on the same CPU, for no two are equally busy. */
	pin_to_cpu(0);
	open_descriptors(with_tls_socket);
	printf("%s\n", dlsym(RTLD_DEFAULT, "tlssock_version") ? "loaded" : "not loaded");
	fflush(stdout);
	if (rest[0] && rest[1])
		make_calls(rest[0][0], (unsigned int)parse_number("COUNT", rest[1]));
	else
		answer();
	return 0;
}
