/* SPDX-License-Identifier: MIT */
/* The subcommands of tlssock(1): called with their own name as argv[0]. */
#ifndef COMMAND_H
#define COMMAND_H

/* Exit statuses; 0 is all well. */
enum { COMMAND_FAILED = 1, COMMAND_USAGE = 2 };

int command_policy(int argc, char *argv[]);

#endif /* COMMAND_H */
