/* SPDX-License-Identifier: MIT */
#include "deeds.h"

#include "net.h"
#include "peer.h"
#include "relay.h"
#include "trace.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

/* What the relay says after one deed on one kind of socket. */
static int seen_on_wire(int protocol, const struct deed *deed)
{
	struct native_peer peer;
	struct relay relay;
	int fd, seen;

	peer_listen(&peer, "gnutls-peer", AF_INET, "good", "--connections", "1", "--mode",
		    protocol == IPPROTO_TCP ? "silent" : "discard", NULL);
	relay_start(&relay, AF_INET, peer.port);
	fd = tls_socket(AF_INET, protocol, "localhost");
	assert_ok(tls_connect(fd, AF_INET, relay.port));
	deed->run(fd);
	assert_ok(close(fd));
	proc_finish(&peer.proc);
	relay_stop(&relay);
	assert_true(relay.length > 0);
	seen = relay_saw(&relay, CANARY);
	relay_free(&relay);
	return seen;
}

static void no_plaintext(void **state)
{
	const struct deed *deed = *state;

	assert_int_equal(seen_on_wire(IPPROTO_TCP, deed), 1); /* the control */
	assert_int_equal(seen_on_wire(IPPROTO_TLS, deed), 0);
}

/* The same while the handshake has not yet run, on the server's side. */
static void accepted_no_plaintext(void **state)
{
	const struct deed *deed = *state;
	struct native_peer peer;
	struct relay relay;
	uint16_t port;
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", &port), fd;

	relay_start(&relay, AF_INET, port);
	peer_connect(&peer, "openssl-peer", AF_INET, relay.port, "--mode", "sink", NULL);
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	deed->run(fd);
	assert_ok(close(fd));
	proc_finish(&peer.proc);
	relay_stop(&relay);
	assert_true(relay.length > 0);
	assert_false(relay_saw(&relay, CANARY));
	relay_free(&relay);
	assert_ok(close(listener));
}

int deeds_main(const char *group, const struct deed *deeds, size_t count,
	       const struct CMUnitTest *more, size_t more_count)
{
	char(*titles)[64] = calloc(count, sizeof(*titles));
	struct CMUnitTest *tests = calloc(2 * count + more_count, sizeof(*tests));
	size_t n = 0;
	int r;

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < count; i++) {
		snprintf(titles[i], sizeof(titles[i]), "%s, accepted", deeds[i].name);
		tests[n++] = ROW_CASE(deeds[i].name, no_plaintext, ROW(deeds[i]));
		tests[n++] = ROW_CASE(titles[i], accepted_no_plaintext, ROW(deeds[i]));
	}
	for (size_t i = 0; i < more_count; i++)
		tests[n++] = more[i];
	r = compare_main(group, NULL, 0, tests, n);
	free(tests);
	free(titles);
	return r;
}
