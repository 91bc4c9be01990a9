/* SPDX-License-Identifier: MIT */
/* tlssock(1): finds the subcommand. */
#include "command.h"

#include "libc.h"
#include "libgnutlsload.h"
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char *argv[]);
	const char *what;
} commands[] = {
	{"policy", command_policy, "shows the policy that holds for a program and a peer"},
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int run(int (*command)(int argc, char *argv[]), int argc, char *argv[])
{
	const char *why;

	if (libgnutls_load(&why) == 0)
		return command(argc, argv);
	fprintf(stderr, "tlssock: %s\n", why);
	return COMMAND_FAILED;
}

static int usage(FILE *out)
{
	fprintf(out, "Usage: tlssock COMMAND [ARGUMENT...]\n");
	for (int i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].what);
	fprintf(out, "tlssock COMMAND --help tells a command's arguments, tlssock --version the "
		     "version.\n");
	return out == stdout ? 0 : COMMAND_USAGE;
}

int main(int argc, char *argv[])
{
	libc_bind();
	if (argc < 2)
		return usage(stderr);
	for (int i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run(commands[i].run, argc - 1, argv + 1);
	if (strcmp(argv[1], "--help") == 0)
		return usage(stdout);
	if (strcmp(argv[1], "--version") != 0)
		return usage(stderr);
	puts("tlssock " TLSSOCK_VERSION);
	return 0;
}
