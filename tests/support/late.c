/* SPDX-License-Identifier: MIT */
/*
 * A library: what its constructor registers comes before the program's start, and so
 * after the destructors at the end. on_exit, since atexit would run with its own.
 */
#include "late.h"
#include <stddef.h>
#include <stdlib.h>

static void (*late)(void);

void late_set(void (*function)(void))
{
	late = function;
}

static void run(int status, void *unused)
{
	(void)status;
	(void)unused;
	if (late)
		late();
}

__attribute__((constructor)) static void start(void)
{
	on_exit(run, NULL);
}
