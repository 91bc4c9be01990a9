/* SPDX-License-Identifier: MIT */
/* Files that change, seen by handshakes: when they are looked at, and what becomes of bad ones. */
#include "alloc.h"
#include "credentials.h"
#include "log.h"
#include "place.h"
#include "proc.h"
#include "unit.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SECOND_MS = 1000 };

/* The clock by which files are looked at stands still unless it is moved. */
static time_t passed_ms;
static char log_path[] = "/tmp/tlssock-log-XXXXXX";

int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	if (clock != CLOCK_MONOTONIC_COARSE)
		return __real_clock_gettime(clock, now);
	*now = (struct timespec){1000000 + passed_ms / 1000, passed_ms % 1000 * 1000000};
	return 0;
}

static struct place place;
static struct credential_spec spec;

static int setup(void **state)
{
	unit_setup(state);
	place_open(&place, "good");
	credential_spec_add(&spec, CREDENTIAL_CHAIN, place.chain, strlen(place.chain));
	credential_spec_add(&spec, CREDENTIAL_KEY, place.key, strlen(place.key));
	place_write(log_path, "junk.pem", 0);
	return 0;
}

static int teardown(void **state)
{
	credential_spec_fini(&spec);
	place_close(&place);
	return unit_teardown(state);
}

static int look(struct credentials **c)
{
	char reason[512];

	*c = NULL;
	return credentials_latest(&spec, c, reason, sizeof(reason));
}

/* The common name of the leaf. */
static const char *shown(struct credentials *c)
{
	static char name[64];
	size_t size = sizeof(name);
	gnutls_x509_crt_t *list;
	unsigned int n;

	assert_int_equal(gnutls_certificate_get_x509_crt(credentials_gnutls(c), 0, &list, &n), 0);
	gnutls_x509_crt_get_dn_by_oid(list[0], GNUTLS_OID_X520_COMMON_NAME, 0, 0, name, &size);
	while (n > 0)
		gnutls_x509_crt_deinit(list[--n]);
	gnutls_free(list);
	return name;
}

static void assert_shown(const char *identity)
{
	struct credentials *c;
	char name[64];

	snprintf(name, sizeof(name), "Test %s", identity);
	assert_int_equal(look(&c), 0);
	assert_string_equal(shown(c), name);
	credentials_put(c);
}

static unsigned int lines(const char *needle)
{
	char text[8192];
	unsigned int n = 0;

	text[read_file(log_path, text, sizeof(text))] = '\0';
	for (const char *at = text; (at = strstr(at, needle)); at++)
		n++;
	return n;
}

static void test_once_a_second(void **state)
{
	(void)state;
	assert_shown("good");
	place_put(&place, "renewed", PLACE_RENAME);
	passed_ms += SECOND_MS - 1;
	assert_shown("good");
	passed_ms += 1;
	assert_shown("renewed");
	place_put(&place, "good", PLACE_SYMLINK);
	assert_shown("renewed");
	passed_ms += SECOND_MS;
	assert_shown("good");
	assert_int_equal(lines("tlssock: "), 0);
}

static const struct {
	const char *title, *file; /* NULL: none */
	size_t part;		  /* 0: all of it */
	bool chain;
	int error;
} faults[] = {
	{"a chain half written", "renewed.pem", 300, true, -EINVAL},
	{"a key half written", "renewed.key", 100, false, -EINVAL},
	{"another's key", "renewed.key", 0, false, -EPROTO},
	{"another chain", "renewed.pem", 0, true, -EPROTO},
	{"an empty chain", "empty.pem", 0, true, -EINVAL},
	{"an empty key", "empty.pem", 0, false, -EINVAL},
	{"no chain", NULL, 0, true, -ENOENT},
	{"no key", NULL, 0, false, -ENOENT},
	{"a pipe without an end", "pipe", 0, true, -EINVAL},
	{"a pipe for a key", "pipe", 0, false, -EINVAL},
};

static void spoil(size_t i)
{
	const char *path = faults[i].chain ? place.chain : place.key;

	if (faults[i].file && strcmp(faults[i].file, "pipe") == 0)
		assert_int_equal(unlink(path) < 0 ? -1 : mkfifo(path, 0600), 0);
	else if (faults[i].file)
		place_write(path, faults[i].file, faults[i].part);
	else
		unlink(path);
}

/* One line, however many handshakes and seconds, and one when it is good again. */
static void test_fault(void **state)
{
	size_t i = (size_t)(*state ? *(const char *)*state : 0);
	struct credentials *c;
	char reason[512] = "";

	assert_shown("good");
	spoil(i);
	for (int second = 0; second < 5; second++) {
		passed_ms += SECOND_MS;
		for (int n = 0; n < 3; n++)
			assert_shown("good");
		/* A moment in which chain and key do not match is not worth a word. */
		assert_int_equal(lines("tlssock: "), second > 0);
	}
	assert_int_equal(lines(place.dir), 1);
	/* Whoever tells them anew is told. */
	assert_int_equal(credentials_get(&spec, &c, reason, sizeof(reason)), faults[i].error);
	assert_int_equal(credentials_renew(&spec, reason, sizeof(reason)), faults[i].error);
	assert_non_null(strstr(reason, place.dir));
	assert_shown("good");
	place_put(&place, "renewed", PLACE_REMAKE);
	passed_ms += SECOND_MS;
	assert_shown("renewed");
	assert_int_equal(lines("tlssock: "), 2);
	assert_int_equal(lines("again, and are"), 1);
	/* And so from the beginning. */
	spoil(0);
	passed_ms += SECOND_MS;
	assert_shown("renewed");
	passed_ms += SECOND_MS;
	assert_shown("renewed");
	assert_int_equal(lines("tlssock: "), 3);
}

/* A file that was changed just now may change again and look the same. */
static void test_young_files(void **state)
{
	struct credentials *first, *second;

	(void)state;
	assert_int_equal(look(&first), 0);
	passed_ms += SECOND_MS;
	assert_int_equal(look(&second), 0);
	assert_ptr_not_equal(first, second);
	credentials_put(first);
	credentials_put(second);
	credential_spec_fini(&spec);
	credential_spec_add(&spec, CREDENTIAL_CHAIN, zoo("good.pem"), strlen(zoo("good.pem")));
	credential_spec_add(&spec, CREDENTIAL_KEY, zoo("good.key"), strlen(zoo("good.key")));
	assert_int_equal(look(&first), 0);
	passed_ms += SECOND_MS;
	assert_int_equal(look(&second), 0);
	assert_ptr_equal(first, second);
	credentials_put(first);
	credentials_put(second);
}

static void test_renew(void **state)
{
	struct credentials *old, *new;
	char reason[512];

	(void)state;
	assert_int_equal(look(&old), 0);
	place_put(&place, "renewed", PLACE_RENAME);
	assert_int_equal(credentials_renew(&spec, reason, sizeof(reason)), 0);
	assert_shown("renewed");
	place_put(&place, "good", PLACE_WRITE);
	assert_int_equal(credentials_renew_all(), 0);
	assert_int_equal(look(&new), 0);
	assert_ptr_not_equal(old, new);
	/* What is in use stays what it was. */
	assert_string_equal(shown(old), "Test good");
	unlink(place.key);
	assert_int_equal(credentials_renew_all(), -ENOENT);
	assert_int_equal(lines("tlssock_reload: "), 1);
	credentials_put(old);
	credentials_put(new);
	/* Nobody uses it: no matter. */
	assert_int_equal(credentials_renew_all(), 0);
	assert_shown("good");
}

/* A listener without connections has it all the same, however much else is parsed. */
static void test_kept(void **state)
{
	struct credential_source *kept;
	struct credentials *c;
	char reason[512], text[8192];
	size_t n = read_file(zoo("ca.pem"), text, sizeof(text) - 200);

	(void)state;
	assert_int_equal(look(&c), 0);
	kept = credentials_keep(c);
	credentials_put(c);
	unlink(place.chain);
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < 20; i++) {
			struct credential_spec other = {0};

			snprintf(text + n, 200, "# %d %d\n", pass, i);
			credential_spec_add(&other, CREDENTIAL_CA, text, strlen(text));
			assert_int_equal(credentials_get(&other, &c, reason, sizeof(reason)), 0);
			credentials_put(c);
			credential_spec_fini(&other);
		}
		passed_ms += SECOND_MS;
		if (pass == 0) {
			assert_shown("good");
			credentials_release(kept);
		} else {
			assert_int_equal(look(&c), -ENOENT);
		}
	}
	credentials_release(NULL);
}

/* What is replaced is freed, by us and by GnuTLS. */
static void test_nothing_left(void **state)
{
	long live = 0;
	size_t heap = 0;

	(void)state;
	for (int i = 0; i < 60; i++) {
		place_put(&place, i % 2 ? "good" : "renewed", (enum place_way)(i / 2 % PLACE_WAYS));
		passed_ms += SECOND_MS;
		assert_shown(i % 2 ? "good" : "renewed");
		if (i == 29) {
			live = alloc_live();
			heap = mallinfo2().uordblks;
		}
	}
	assert_int_equal(alloc_live(), live);
	assert_in_range(mallinfo2().uordblks, 0, heap + 2000);
}

/* Each allocation of ours fails once, and the old one serves; then the new one does. */
static void test_no_memory(void **state)
{
	unsigned long at = 0, count;

	(void)state;
	assert_shown("good");
	place_put(&place, "renewed", PLACE_RENAME);
	do {
		struct credentials *c;

		passed_ms += SECOND_MS;
		alloc_start(++at);
		assert_int_equal(look(&c), 0);
		count = alloc_stop();
		assert_string_equal(shown(c), count < at ? "Test renewed" : shown(c));
		credentials_put(c);
	} while (count >= at);
	assert_true(at > 5);
	assert_shown("renewed");
}

int main(void)
{
	static const char numbers[COUNT(faults)] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
	static char target[64];
	static const struct CMUnitTest others[] = {
		{"once a second", test_once_a_second, setup, teardown, NULL},
		{"young files", test_young_files, setup, teardown, NULL},
		{"renewed by a call", test_renew, setup, teardown, NULL},
		{"kept for a listener", test_kept, setup, teardown, NULL},
		{"nothing left", test_nothing_left, setup, teardown, NULL},
		{"no memory", test_no_memory, setup, teardown, NULL},
	};
	struct CMUnitTest tests[COUNT(faults) + COUNT(others)];
	int r;

	for (size_t i = 0; i < COUNT(faults); i++)
		tests[i] = (struct CMUnitTest){faults[i].title, test_fault, setup, teardown,
					       ROW(numbers[i])};
	memcpy(tests + COUNT(faults), others, sizeof(others));
	close(mkstemp(log_path));
	snprintf(target, sizeof(target), "warning:%s", log_path);
	log_init(target);
	r = cmocka_run_group_tests_name("credentials: files that change", tests, NULL, NULL);
	unlink(log_path);
	return r;
}
