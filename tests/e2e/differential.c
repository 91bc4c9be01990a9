/* SPDX-License-Identifier: MIT */
/*
 * Programs of socket calls, made by chance (fuzz.h), run on TCP and on TLS: results, errno
 * values, events and bytes must be the same.
 *
 * Differences that are allowed, and therefore not looked at: after a reset TCP tells the
 * error once and then the end of the stream, a TLS socket the error each time, unless
 * close_notify had come before, and the
 * kernel does not know it any more; a socket that is shut down in both directions says
 * EPIPE, where TCP first tells of a reset; close_notify to a peer that has closed draws a
 * reset, as data does; what is sent to a closed socket is taken by the
 * lingerer, where TCP resets; how many calls of splice it takes to empty the queue into
 * a pipe; a list of messages to a peer that is shut down in both directions, whose reset
 * comes between them; and listen on a connected socket, which is EOPNOTSUPP, as in the Secure
 * Socket API, where TCP says EINVAL.
 */
#include "chance.h"
#include "fuzz.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <tlssock.h>

/* In each of four runs: linked, preloaded, TLS 1.2, 1.3. A sanitizer needs its time. */
#ifdef __SANITIZE_ADDRESS__
enum { PROGRAMS = 500 };
#else
enum { PROGRAMS = 2500 };
#endif

static void programs(void **state)
{
	static struct trace tcp, tls;
	unsigned int first, n = chance_seeds(PROGRAMS, &first);

	(void)state;
	signal(SIGPIPE, SIG_IGN); /* not every call has a flag against it */
	for (unsigned int seed = first; seed < first + n; seed++) {
		fuzz_run(seed, IPPROTO_TCP, &tcp);
		fuzz_run(seed, IPPROTO_TLS, &tls);
		if (strcmp(tcp.text, tls.text) != 0) {
			print_message("# TLSSOCK_TEST_SEED=%u\n", seed);
			if (n == 1) {
				printf("On TCP:\n%s\n", tcp.text);
				printf("On TLS:\n%s\n", tls.text);
			}
			trace_compare(&tcp, &tls);
		}
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {CASE(programs)};

	return compare_main("differential", NULL, 0, tests, COUNT(tests));
}
