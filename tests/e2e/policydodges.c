/* SPDX-License-Identifier: MIT */
/* Programs that look for a way around an administrator's policy. */
#include "acting.h"
#include "policed.h"

#define TRUST	  "trust = $Z/ca.pem\n"
#define GOOD_NAME " 85:localhost"
#define KEPT	  "; the policy leaves this to no TLS_CERT_VERIFY_CALLBACK"

static const struct policed scenes[] = {
	/* The callback that has the last word: not on what the policy demands. */
	{"[all]\n" TRUST, "connect 127.0.0.1 PORT 20~" GOOD_NAME, "expired", {"connected"}, NULL},
	{"[all]\n" TRUST "verify-servers = required\n",
	 "connect 127.0.0.1 PORT 20~" GOOD_NAME,
	 "expired",
	 {"connect: EPROTO:", "expired on", KEPT},
	 NULL},
	{"[all]\n" TRUST "verify-servers = required\noverride = verify-servers\n",
	 "connect 127.0.0.1 PORT 20~" GOOD_NAME,
	 "expired",
	 {"connected"},
	 NULL},
	{"[all]\nverify-servers = optional\noverride = trust\n" TRUST,
	 "connect 127.0.0.1 PORT 20~ 5=2 87:$Z/other-ca.pem" GOOD_NAME,
	 "good",
	 {"connected"},
	 NULL},
	{"[destination x]\nmatch-port = 1-65535\n" TRUST,
	 "connect 127.0.0.1 PORT 20~" GOOD_NAME,
	 "self-signed",
	 {"connect: EPROTO:", KEPT},
	 NULL},
	{"[all]\nverify-names = yes\n" TRUST,
	 "connect 127.0.0.1 PORT 20~ 85:other.example",
	 "good",
	 {"connect: EPROTO:", "not issued for the name", KEPT},
	 NULL},
	{"[all]\ncrl-file = $Z/crl.pem\n" TRUST,
	 "connect 127.0.0.1 PORT 20~" GOOD_NAME,
	 "revoked",
	 {"connect: EPROTO:", "revoked", KEPT},
	 NULL},
	{"[all]\nrevocation = hard\n" TRUST,
	 "connect 127.0.0.1 PORT 20~" GOOD_NAME,
	 "good",
	 {"connect: EPROTO:", "no CRL and no OCSP response tells", KEPT},
	 NULL},
	/* Whom to trust, and nobody else: a key that the program brings is somebody else. */
	{"[all]\n" TRUST,
	 "connect 127.0.0.1 9 221:0123456789abcdef 222:id",
	 NULL,
	 {"connect: EPROTO:", "line 2, says trust = ", "TLS_PSK"},
	 NULL},
	{"[all]\noverride = trust\n" TRUST,
	 "connect 127.0.0.1 9 221:0123456789abcdef 222:id",
	 NULL,
	 {"connect: ECONNREFUSED:"},
	 NULL},
	/* What a priority string leaves out does not come back by a list. */
	{"[all]\npriority = NORMAL:-AES-128-GCM\n",
	 "connect 127.0.0.1 9 3=4865",
	 NULL,
	 {"setsockopt: EPROTO:", "line 2, says priority = ", "TLS_CIPHERSUITE_LIST"},
	 NULL},
	{"[all]\npriority = NORMAL:-GROUP-ALL:+GROUP-SECP384R1\n",
	 "connect 127.0.0.1 9 214:X25519",
	 NULL,
	 {"setsockopt: EPROTO:", "line 2, says priority = ", "TLS_GROUPS"},
	 NULL},
	{"[all]\npriority = NORMAL\noverride = groups\n",
	 "connect 127.0.0.1 9 214:X25519",
	 NULL,
	 {"connect: ECONNREFUSED:"},
	 NULL},
	{"[all]\npriority = NORMAL\nciphers = TLS_AES_128_GCM_SHA256\n",
	 "connect 127.0.0.1 9 92:TLS_AES_256_GCM_SHA384",
	 NULL,
	 {"connect: ECONNREFUSED:"},
	 NULL},
	/* The same machine by no address. */
	{"[destination here]\nmatch-address = 127.0.0.1\nverify-servers = required\n",
	 "connect 0.0.0.0 9 5=0",
	 NULL,
	 {"connect: EPROTO:", "line 3, says verify-servers = required"},
	 NULL},
	/* A name written in another way. */
	{"[destination x]\nmatch-host = PayRoll.Example.\nverify-servers = required\n",
	 "connect 127.0.0.1 9 5=0 85:payroll.example",
	 NULL,
	 {"connect: EPROTO:", "line 3, says verify-servers = required"},
	 NULL},
	{"[destination x]\nmatch-host = xn--bcher-kva.example\nverify-servers = required\n",
	 "connect 127.0.0.1 9 5=0 85:b\xc3\xbc"
	 "cher.example",
	 NULL,
	 {"connect: EPROTO:", "line 3, says verify-servers = required"},
	 NULL},
};

int main(int argc, char *argv[])
{
	struct CMUnitTest tests[COUNT(scenes) + 1];
	size_t n;

	if (argc > 1)
		return acting(argv + 1);
	n = policed_cases(tests, scenes, COUNT(scenes));
	tests[n++] = (struct CMUnitTest)CASE(nothing_left);
	return _cmocka_run_group_tests("policy dodges", tests, n, policed_setup, policed_teardown);
}
