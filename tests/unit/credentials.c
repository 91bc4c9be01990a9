/* SPDX-License-Identifier: MIT */
/* From paths, PEM and DER to credentials: what is refused, and what is shared. */
#include "credentials.h"
#include "proc.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CA = CREDENTIAL_CA, CHAIN = CREDENTIAL_CHAIN, KEY = CREDENTIAL_KEY, END = -1 };

struct value {
	int role;
	const char *file; /* of the zoo; one that starts with / is as it is */
};

struct row {
	const char *title;
	struct value values[5];
	int result;
	bool identity;
	const char *reason; /* a part of it */
};

static const struct row rows[] = {
	{"nothing at all", {{END, NULL}}, 0, false, NULL},
	{"an authority", {{CA, "ca.pem"}, {END, NULL}}, 0, false, NULL},
	{"two authorities in a file", {{CA, "two-roots.pem"}, {END, NULL}}, 0, false, NULL},
	{"a directory of authorities", {{CA, "roots"}, {END, NULL}}, 0, false, NULL},
	{"the system's store", {{CA, "/system"}, {END, NULL}}, 0, false, NULL},
	{"a chain and its key",
	 {{CHAIN, "good.pem"}, {KEY, "good.key"}, {END, NULL}},
	 0,
	 true,
	 NULL},
	{"an RSA chain and its key",
	 {{CHAIN, "good-rsa.pem"}, {KEY, "good-rsa.key"}, {END, NULL}},
	 0,
	 true,
	 NULL},
	{"a chain of six",
	 {{CHAIN, "long-chain.pem"}, {KEY, "long-chain.key"}, {END, NULL}},
	 0,
	 true,
	 NULL},
	{"two chains",
	 {{CHAIN, "good.pem"},
	  {KEY, "good.key"},
	  {CHAIN, "good-rsa.pem"},
	  {KEY, "good-rsa.key"},
	  {END, NULL}},
	 0,
	 true,
	 NULL},
	{"a chain without its key yet", {{CHAIN, "good.pem"}, {END, NULL}}, 0, false, NULL},
	{"no such authorities",
	 {{CA, "none.pem"}, {END, NULL}},
	 -ENOENT,
	 false,
	 "none.pem: No such file"},
	{"no such chain",
	 {{CHAIN, "none.pem"}, {END, NULL}},
	 -ENOENT,
	 false,
	 "none.pem: No such file"},
	{"no such key",
	 {{CHAIN, "good.pem"}, {KEY, "none.key"}, {END, NULL}},
	 -ENOENT,
	 false,
	 "none.key: No such file"},
	{"a path through a file",
	 {{CA, "ca.pem/x"}, {END, NULL}},
	 -ENOTDIR,
	 false,
	 "Not a directory"},
	{"authorities that are no PEM",
	 {{CA, "junk.pem"}, {END, NULL}},
	 -EINVAL,
	 false,
	 "junk.pem: it is not whole, or neither PEM nor DER of certificates: "},
	{"an empty file of authorities",
	 {{CA, "empty.pem"}, {END, NULL}},
	 -EINVAL,
	 false,
	 "empty.pem: "},
	{"a key as authority", {{CA, "good.key"}, {END, NULL}}, -EINVAL, false, "good.key: "},
	{"a chain that is no PEM",
	 {{CHAIN, "junk.pem"}, {END, NULL}},
	 -EINVAL,
	 false,
	 "junk.pem: "},
	{"an empty chain", {{CHAIN, "empty.pem"}, {END, NULL}}, -EINVAL, false, "empty.pem: "},
	{"a key as chain",
	 {{CHAIN, "good.key"}, {END, NULL}},
	 -EINVAL,
	 false,
	 "neither PEM nor DER of a certificate: "},
	{"a directory as chain", {{CHAIN, "roots"}, {END, NULL}}, -EINVAL, false, "a directory"},
	{"a key that is none",
	 {{CHAIN, "good.pem"}, {KEY, "junk.pem"}, {END, NULL}},
	 -EINVAL,
	 false,
	 "junk.pem: "},
	{"an empty key",
	 {{CHAIN, "good.pem"}, {KEY, "empty.pem"}, {END, NULL}},
	 -EINVAL,
	 false,
	 "empty.pem: "},
	{"a certificate as key",
	 {{CHAIN, "good.pem"}, {KEY, "ca.pem"}, {END, NULL}},
	 -EINVAL,
	 false,
	 "ca.pem: it is not whole, or neither PEM nor DER of a private key: "},
	{"a directory as key",
	 {{CHAIN, "good.pem"}, {KEY, "roots"}, {END, NULL}},
	 -EINVAL,
	 false,
	 "a directory"},
	{"another's key",
	 {{CHAIN, "good.pem"}, {KEY, "expired.key"}, {END, NULL}},
	 -EPROTO,
	 false,
	 "does not belong"},
	{"another kind of key",
	 {{CHAIN, "good.pem"}, {KEY, "good-rsa.key"}, {END, NULL}},
	 -EPROTO,
	 false,
	 "does not belong"},
	{"a key before its chain",
	 {{KEY, "good.key"}, {CHAIN, "good.pem"}, {END, NULL}},
	 -EINVAL,
	 false,
	 "before this key"},
	{"a key twice",
	 {{CHAIN, "good.pem"}, {KEY, "good.key"}, {KEY, "good.key"}, {END, NULL}},
	 -EINVAL,
	 false,
	 "before this key"},
	{"a second chain's key is wrong",
	 {{CHAIN, "good.pem"},
	  {KEY, "good.key"},
	  {CHAIN, "exact.pem"},
	  {KEY, "good.key"},
	  {END, NULL}},
	 -EPROTO,
	 false,
	 "good.key"},
	{"a device that ends at once",
	 {{CA, "/dev/null"}, {END, NULL}},
	 -EINVAL,
	 false,
	 "/dev/null: "},
	{"a file without end", {{CA, "/dev/zero"}, {END, NULL}}, -EFBIG, false, "/dev/zero: "},
};

static void add(struct credential_spec *spec, int role, const char *text)
{
	assert_int_equal(credential_spec_add(spec, (enum credential_role)role, text, strlen(text)),
			 0);
}

static void fill(struct credential_spec *spec, const struct value *values)
{
	for (; values->role != END; values++) {
		const char *file = values->file;

		if (strcmp(file, "/system") == 0)
			file = credential_system;
		else if (file[0] != '/')
			file = zoo("%s", file);
		add(spec, values->role, file);
	}
}

static int get(const struct credential_spec *spec, struct credentials **c, char *reason)
{
	*c = NULL;
	reason[0] = '\0';
	return credentials_get(spec, c, reason, 512);
}

static void test_row(void **state)
{
	const struct row *row = *state;
	struct credential_spec spec = {0};
	struct credentials *c;
	char reason[512];
	int r;

	fill(&spec, row->values);
	r = get(&spec, &c, reason);
	if (r != row->result)
		fail_msg("%s, not %s: %s", r ? strerrorname_np(-r) : "0",
			 row->result ? strerrorname_np(-row->result) : "0", reason);
	if (row->reason && !strstr(reason, row->reason))
		fail_msg("the reason is: %s", reason);
	assert_int_equal(credentials_have_identity(c), row->identity);
	assert_true(r < 0 || credentials_gnutls(c));
	credentials_put(c);
	credential_spec_fini(&spec);
}

static void test_text_itself(void **state)
{
	struct credential_spec spec = {0};
	char bytes[8192], reason[512];
	struct credentials *c;
	size_t n;

	(void)state;
	n = read_file(zoo("ca.pem"), bytes, sizeof(bytes));
	assert_int_equal(credential_spec_add(&spec, CREDENTIAL_CA, bytes, n), 0);
	n = read_file(zoo("good.pem"), bytes, sizeof(bytes));
	assert_int_equal(credential_spec_add(&spec, CREDENTIAL_CHAIN, bytes, n), 0);
	n = read_file(zoo("good.key"), bytes, sizeof(bytes));
	assert_int_equal(credential_spec_add_content(&spec, CREDENTIAL_KEY, bytes, n), 0);
	assert_int_equal(get(&spec, &c, reason), 0);
	assert_true(credentials_have_identity(c));
	credentials_put(c);
	credential_spec_fini(&spec);
}

/* A key given as text must not come out in the log. */
static void test_text_is_not_shown(void **state)
{
	static const char bad[] =
		"-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n";
	struct credential_spec spec = {0};
	struct credentials *c;
	char reason[512];

	(void)state;
	add(&spec, CHAIN, zoo("good.pem"));
	add(&spec, KEY, bad);
	assert_int_equal(get(&spec, &c, reason), -EINVAL);
	assert_null(strstr(reason, "secret"));
	assert_memory_equal(reason, "the key: ", 9);
	credential_spec_fini(&spec);
}

/* Returns the DER of a PEM file, to be freed with gnutls_free. */
static gnutls_datum_t to_der(const char *file, const char *header)
{
	gnutls_datum_t der = {0}, pem;
	char bytes[8192];

	pem.size = (unsigned int)read_file(zoo("%s", file), bytes, sizeof(bytes));
	pem.data = (unsigned char *)bytes;
	assert_int_equal(gnutls_pem_base64_decode2(header, &pem, &der), 0);
	return der;
}

static void test_der(void **state)
{
	int (*const adders[])(struct credential_spec *, enum credential_role, const void *,
			      size_t) = {credential_spec_add, credential_spec_add_content};
	gnutls_datum_t ca = to_der("ca.pem", "CERTIFICATE"),
		       chain = to_der("good.pem", "CERTIFICATE"), key = to_der("good.key", NULL);
	char reason[512];

	(void)state;
	for (size_t i = 0; i < COUNT(adders); i++) {
		struct credential_spec spec = {0};
		struct credentials *c;

		assert_int_equal(adders[i](&spec, CREDENTIAL_CA, ca.data, ca.size), 0);
		assert_int_equal(adders[i](&spec, CREDENTIAL_CHAIN, chain.data, chain.size), 0);
		/* An EC key is shorter than what can be told from a path. */
		assert_int_equal(
			credential_spec_add_content(&spec, CREDENTIAL_KEY, key.data, key.size), 0);
		if (get(&spec, &c, reason) != 0)
			fail_msg("%s", reason);
		assert_true(credentials_have_identity(c));
		credentials_put(c);
		credential_spec_fini(&spec);
	}
	gnutls_free(ca.data);
	gnutls_free(chain.data);
	gnutls_free(key.data);
}

/* Content is never taken for a path. */
static void test_content_is_not_a_path(void **state)
{
	const char *path = zoo("ca.pem");
	struct credential_spec spec = {0};
	struct credentials *c;
	char reason[512];

	(void)state;
	assert_int_equal(credential_spec_add_content(&spec, CREDENTIAL_CA, path, strlen(path)), 0);
	assert_int_equal(get(&spec, &c, reason), -EINVAL);
	credential_spec_fini(&spec);
	assert_int_equal(credential_spec_add_content(&spec, CREDENTIAL_CA, credential_system, 7),
			 0);
	assert_int_equal(get(&spec, &c, reason), -EINVAL);
	credential_spec_fini(&spec);
}

/* Root may read everything: who tries is somebody else. */
static void test_no_permission(void **state)
{
	char path[] = "/tmp/tlssock-key-XXXXXX", reason[512];
	struct credential_spec spec = {0};
	struct credentials *c;
	int fd = mkstemp(path), status;
	pid_t pid;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0), 0);
	close(fd);
	add(&spec, CA, path);
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(2);
		_exit(get(&spec, &c, reason) == -EACCES && strstr(reason, "Permission denied") ? 0
											       : 1);
	}
	status = proc_reap(pid);
	unlink(path);
	credential_spec_fini(&spec);
	assert_int_equal(status, 0);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 5] = {
		UNIT_CASE(test_text_itself),   UNIT_CASE(test_text_is_not_shown),
		UNIT_CASE(test_der),	       UNIT_CASE(test_content_is_not_a_path),
		UNIT_CASE(test_no_permission),
	};

	for (size_t i = 0; i < COUNT(rows); i++)
		tests[5 + i] = UNIT_ROW(rows[i].title, test_row, rows[i]);
	return cmocka_run_group_tests_name("credentials", tests, NULL, NULL);
}
