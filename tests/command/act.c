/* SPDX-License-Identifier: MIT */
/* A program of TLS sockets that can be made set-user-id: acting.h says what it does. */
#include "acting.h"

int main(int argc, char *argv[])
{
	return argc > 3 ? acting(argv + 1) : 2;
}
