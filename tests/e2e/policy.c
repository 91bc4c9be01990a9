/* SPDX-License-Identifier: MIT */
/*
 * An administrator's policy and programs that want less, as much or more than it demands.
 * A policy holds for a process: each case is this program again, with another one.
 */
#include "acting.h"
#include "net.h"
#include "peer.h"
#include "policed.h"
#include "test.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TRUST	  "trust = $Z/ca.pem\n"
#define GOOD_NAME " 85:localhost"
#define FLOOR	  "[all]\n" TRUST "verify-servers = required\n"

static const struct policed scenes[] = {
	{NULL, "connect 127.0.0.1 PORT 87:$Z/ca.pem" GOOD_NAME, "good", {"connected"}, NULL},
	{"[all]\n" TRUST, "connect 127.0.0.1 PORT" GOOD_NAME, "good", {"connected"}, NULL},
	/* For all: refused where the program says it, or where it is a client for certain. */
	{FLOOR,
	 "connect 127.0.0.1 9 5=0",
	 NULL,
	 {"connect: EPROTO:", "line 3, says verify-servers = required", "TLS_PEER_VERIFY"},
	 NULL},
	{"[all]\n" TRUST,
	 "connect 127.0.0.1 9 87:$Z/other-ca.pem",
	 NULL,
	 {"setsockopt: EPROTO:", "line 2, says trust = ", "TLS_TRUSTED_PEER_CERTIFICATES"},
	 NULL},
	{"[all]\nverify-names = yes\n",
	 "connect 127.0.0.1 9 85!",
	 NULL,
	 {"connect: EPROTO:", "line 2, says verify-names = yes"},
	 NULL},
	{"[all]\nhandshake-timeout-ms = 500\n",
	 "connect 127.0.0.1 9 203=501",
	 NULL,
	 {"setsockopt: EPROTO:", "line 2, says handshake-timeout-ms = 500"},
	 NULL},
	{"[all]\n" TRUST "allow-truncation = no\n",
	 "connect 127.0.0.1 PORT +212=1" GOOD_NAME,
	 "good",
	 {"setsockopt: EPROTO:", "line 3, says allow-truncation = no"},
	 NULL},
	/* Nothing tells; a list does. */
	{"[all]\n" TRUST "revocation = hard\n",
	 "connect 127.0.0.1 PORT" GOOD_NAME,
	 "good",
	 {"connect: EPROTO:", "no CRL and no OCSP response tells"},
	 NULL},
	{"[all]\n" TRUST "crl-file = $Z/crl.pem\n",
	 "connect 127.0.0.1 PORT" GOOD_NAME,
	 "revoked",
	 {"connect: EPROTO:", "revoked"},
	 NULL},
	{"[all]\n" TRUST "crl-file = $Z/crl.pem\nrevocation = hard\n",
	 "connect 127.0.0.1 PORT" GOOD_NAME,
	 "good",
	 {"connected"},
	 NULL},
	{"[all]\n" TRUST "crl = no\n",
	 "connect 127.0.0.1 PORT +212=1" GOOD_NAME,
	 "good",
	 {"connected"},
	 NULL},
	{FLOOR "override = verify-servers\n",
	 "connect 127.0.0.1 PORT 5=0",
	 "expired",
	 {"connected"},
	 NULL},
	/* Stricter: kept. */
	{"[all]\n" TRUST "verify-servers = optional\n",
	 "connect 127.0.0.1 PORT 5=2" GOOD_NAME,
	 "expired",
	 {"connect: EPROTO:", "expired on"},
	 NULL},
	{"[all]\n" TRUST "verify-servers = optional\n",
	 "connect 127.0.0.1 PORT 5=1" GOOD_NAME,
	 "expired",
	 {"connected"},
	 NULL},
	{"[all]\n" TRUST "minimum-version = 1.3\n",
	 "connect 127.0.0.1 PORT" GOOD_NAME,
	 "good",
	 {"connect: EPROTO:"},
	 "1.2"},
	{"[all]\n" TRUST "minimum-version = 1.2\n",
	 "connect 127.0.0.1 PORT" GOOD_NAME,
	 "good",
	 {"connected"},
	 "1.2"},
	{"[all]\n" TRUST "security-level = high\n",
	 "connect 127.0.0.1 PORT" GOOD_NAME,
	 "good",
	 {"connected"},
	 NULL},
	{"[all]\n" TRUST "security-level = ultra\n",
	 "connect 127.0.0.1 PORT" GOOD_NAME,
	 "good",
	 {"connect: EPROTO:"},
	 NULL},
	{"[all]\n" TRUST "ciphers = TLS_AES_128_CCM_SHA256\n",
	 "connect 127.0.0.1 PORT" GOOD_NAME,
	 "good",
	 {"connect: EPROTO:"},
	 NULL},
	{"[all]\n" TRUST "ciphers = TLS_AES_128_GCM_SHA256, ECDHE-ECDSA-AES128-GCM-SHA256\n",
	 "connect 127.0.0.1 PORT 92:TLS_AES_128_CCM_SHA256" GOOD_NAME,
	 "good",
	 {"connected"},
	 NULL},
	{"[all]\ngroups = SECP521R1\n",
	 "connect 127.0.0.1 9 214:X25519",
	 NULL,
	 {"setsockopt: EPROTO:", "line 2, says groups", "TLS_GROUPS"},
	 NULL},
	{"[all]\nmaximum-version = 1.2\n",
	 "connect 127.0.0.1 9 112=3",
	 NULL,
	 {"setsockopt: EPROTO:", "line 2, says maximum-version = 1.2"},
	 NULL},
	{"[all]\nminimum-version = 1.3\n",
	 "connect 127.0.0.1 9 112=2",
	 NULL,
	 {"setsockopt: EPROTO:", "line 2, says minimum-version = 1.3"},
	 NULL},
	{"[all]\nciphers = TLS_AES_128_GCM_SHA256\n",
	 "connect 127.0.0.1 9 201:NORMAL",
	 NULL,
	 {"setsockopt: EPROTO:", "line 2, says ciphers", "TLS_PRIORITY"},
	 NULL},
	{"[all]\nearly-data-bytes = 0\n",
	 "connect 127.0.0.1 9 220=1",
	 NULL,
	 {"setsockopt: EPROTO:", "line 2, says early-data-bytes = 0", "TLS_EARLY_DATA"},
	 NULL},
	{"[all]\n" TRUST "early-data-bytes = 4096\n",
	 "connect 127.0.0.1 PORT 220=4096" GOOD_NAME,
	 "good",
	 {"connected"},
	 NULL},
	/* By program. */
	{"[program p]\nmatch-program = /bin/no, $P\nhandshake-timeout-ms = 500\n",
	 "connect 127.0.0.1 9 203=0",
	 NULL,
	 {"setsockopt: EPROTO:", "line 3, says handshake-timeout-ms", "asks for 0"},
	 NULL},
	{"[program p]\nmatch-program = $Px\nverify-servers = required\n",
	 "connect 127.0.0.1 PORT 5=1" GOOD_NAME,
	 "expired",
	 {"connected"},
	 NULL},
	/* By destination: name, address and port are known to connect only. */
	{"[destination d]\nmatch-host = LOCAL*\nverify-servers = required\n",
	 "connect 127.0.0.1 9 5=0" GOOD_NAME,
	 NULL,
	 {"connect: EPROTO: localhost (127.0.0.1:9)", "line 3, says verify-servers"},
	 NULL},
	{"[destination d]\nmatch-host = other\nverify-servers = required\n",
	 "connect 127.0.0.1 PORT 5=0" GOOD_NAME,
	 "expired",
	 {"connected"},
	 NULL},
	{"[destination d]\nmatch-address = 127.0.0.0/30\nmatch-port = 9\nverify-servers = "
	 "required\n",
	 "connect 127.0.0.3 9 5=0",
	 NULL,
	 {"connect: EPROTO:", "line 4, says verify-servers"},
	 NULL},
	{"[destination d]\nmatch-address = 127.0.0.2\nverify-servers = required\n",
	 "connect 127.0.0.1 PORT 5=0",
	 "expired",
	 {"connected"},
	 NULL},
	{FLOOR "[destination d]\nmatch-address = 127.0.0.1\nverify-servers = none\n",
	 "connect 127.0.0.1 PORT 5=0",
	 "expired",
	 {"connected"},
	 NULL},
	{"[destination d]\nmatch-port = 9\nearly-data-bytes = 4096\n",
	 "connect 127.0.0.1 9 220=4097",
	 NULL,
	 {"connect: EPROTO:", "line 3, says early-data-bytes = 4096"},
	 NULL},
	/* By listener. */
	{"[listener l]\nmatch-address = 127.0.0.1\ncertificate = $Z/good.pem\nkey = $Z/good.key\n",
	 "listen 127.0.0.1 0",
	 NULL,
	 {"port "},
	 NULL},
	{"[listener l]\nmatch-address = 127.0.0.1\ncertificate = $Z/good.pem\nkey = $Z/good.key\n",
	 "listen 127.0.0.2 0",
	 NULL,
	 {"listen: ENOKEY:"},
	 NULL},
	{"[listener l]\nmatch-address = 127.0.0.1\nverify-clients = required\n",
	 "listen 127.0.0.1 0 88:$Z/good.pem 89:$Z/good.key 5=0",
	 NULL,
	 {"listen: EPROTO:", "line 3, says verify-clients = required"},
	 NULL},
	{"[all]\ncertificate = $Z/good.pem\nkey = $Z/good.key\noverride = none\n",
	 "listen 127.0.0.1 0 88:$Z/chained.pem",
	 NULL,
	 {"setsockopt: EPROTO:", "line 2, says certificate"},
	 NULL},
	/* Broken. */
	{"[all]\nminimum-versoin = 1.2\nx = y\n",
	 "connect 127.0.0.1 9",
	 NULL,
	 {"connect: EPROTO:", "line 2: minimum-versoin: unknown key",
	  "tlssock policy --check tells 1 more"},
	 NULL},
	{"[all]\ncrl = 1\n",
	 "listen 127.0.0.1 0 88:$Z/good.pem 89:$Z/good.key",
	 NULL,
	 {"listen: EPROTO:", "line 2: crl: \"1\" is not one of no yes"},
	 NULL},
	{"none",
	 "connect 127.0.0.1 9",
	 NULL,
	 {"connect: EPROTO:", "cannot be read: No such file or directory"},
	 NULL},
};

static uint16_t port_of(struct proc *proc)
{
	char *line = proc_line(proc, "port ");
	uint16_t port = (uint16_t)atoi(line + strlen("port "));

	free(line);
	return port;
}

/* A server that listens everywhere: which address a client came to is known then only. */
static void accepted(void **state)
{
	static const struct {
		const char *address, *says;
	} rows[] = {{"127.0.0.0/8", "recv: EPROTO:"}, {"10.0.0.0/8", "served"}};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct native_peer peer;
		struct proc proc;
		char policy[128], *line;

		snprintf(policy, sizeof(policy),
			 "[listener l]\nmatch-address = %s\nverify-clients = required\n",
			 rows[i].address);
		policed_start(&proc, policy, "accept 0.0.0.0 0 88:$Z/good.pem 89:$Z/good.key 5=0",
			      0);
		peer_connect(&peer, "openssl-peer", AF_INET, port_of(&proc), "--mode", "source",
			     "--bytes", "1", NULL);
		line = proc_line(&proc, rows[i].says);
		if (i == 0 && !strstr(line, "line 3, says verify-clients = required"))
			fail_msg("%s", line);
		free(line);
		assert_int_equal(proc_finish(&proc), 0);
		proc_finish(&peer.proc);
	}
}

/* A client without a certificate, where the policy asks for one and the program for nothing. */
static void client_certificates(void **state)
{
	struct native_peer peer;
	struct proc proc;

	(void)state;
	policed_start(&proc, "[all]\nverify-clients = required\n" TRUST,
		      "accept 127.0.0.1 0 88:$Z/good.pem 89:$Z/good.key", 0);
	peer_connect(&peer, "openssl-peer", AF_INET, port_of(&proc), "--mode", "source", "--bytes",
		     "1", NULL);
	free(proc_line(&proc, "recv: EPROTO:"));
	assert_int_equal(proc_finish(&proc), 0);
	proc_finish(&peer.proc);
}

/* A peer that says nothing is waited for as long as the policy has it. */
static void timeout(void **state)
{
	struct proc proc;
	uint16_t port;
	int silent = net_listen(AF_INET, &port);

	(void)state;
	policed_start(&proc, "[all]\nhandshake-timeout-ms = 50\n", "connect 127.0.0.1 PORT", port);
	free(proc_line(&proc, "connect: ETIMEDOUT:"));
	assert_int_equal(proc_finish(&proc), 0);
	close(silent);
}

int main(int argc, char *argv[])
{
	struct CMUnitTest tests[COUNT(scenes) + 4];
	size_t n;

	if (argc > 1)
		return acting(argv + 1);
	n = policed_cases(tests, scenes, COUNT(scenes));
	tests[n++] = (struct CMUnitTest)CASE(accepted);
	tests[n++] = (struct CMUnitTest)CASE(client_certificates);
	tests[n++] = (struct CMUnitTest)CASE(timeout);
	tests[n++] = (struct CMUnitTest)CASE(nothing_left);
	return _cmocka_run_group_tests("policy", tests, n, policed_setup, policed_teardown);
}
