/* SPDX-License-Identifier: MIT */
/* Credentials are parsed once and shared, until a file changes. */
#include "alloc.h"
#include "credentials.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { NOBODY = 65534 };

static void add(struct credential_spec *spec, enum credential_role role, const char *path)
{
	assert_int_equal(credential_spec_add(spec, role, path, strlen(path)), 0);
}

/* An identity, and an authority too. */
static void fill(struct credential_spec *spec, bool authority)
{
	if (authority)
		add(spec, CREDENTIAL_CA, zoo("ca.pem"));
	add(spec, CREDENTIAL_CHAIN, zoo("good.pem"));
	add(spec, CREDENTIAL_KEY, zoo("good.key"));
}

static int get(const struct credential_spec *spec, struct credentials **c, char *reason)
{
	*c = NULL;
	return credentials_get(spec, c, reason, 512);
}

static void test_same_is_shared(void **state)
{
	struct credential_spec a = {0}, b = {0}, other = {0};
	struct credentials *first, *second, *third;
	char reason[512];

	(void)state;
	fill(&a, true);
	fill(&b, true);
	fill(&other, false);
	assert_int_equal(get(&a, &first, reason), 0);
	assert_int_equal(get(&b, &second, reason), 0);
	assert_int_equal(get(&other, &third, reason), 0);
	assert_ptr_equal(first, second);
	assert_ptr_not_equal(first, third);
	assert_ptr_equal(credentials_ref(first), first);
	credentials_put(first);
	credentials_put(first);
	credentials_put(second);
	credentials_put(third);
	assert_int_equal(get(&a, &third, reason), 0);
	assert_ptr_equal(first, third);
	credentials_put(third);
	credentials_put(NULL);
	assert_null(credentials_ref(NULL));
	credential_spec_fini(&a);
	credential_spec_fini(&b);
	credential_spec_fini(&other);
}

/* Copies a file of the zoo; the time tells two copies apart. */
static void copy_zoo(const char *file, const char *to, time_t time)
{
	const struct timeval times[2] = {{time, 0}, {time, 0}};
	char bytes[8192];
	size_t n = read_file(zoo("%s", file), bytes, sizeof(bytes));
	int fd = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0 && write(fd, bytes, n) == (ssize_t)n);
	assert_int_equal(futimes(fd, times), 0);
	close(fd);
}

static void test_changed_file_is_read_again(void **state)
{
	char path[] = "/tmp/tlssock-ca-XXXXXX", reason[512];
	struct credential_spec spec = {0};
	struct credentials *old, *same, *new, *gone;
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	copy_zoo("ca.pem", path, 1000000);
	add(&spec, CREDENTIAL_CA, path);
	assert_int_equal(get(&spec, &old, reason), 0);
	assert_int_equal(get(&spec, &same, reason), 0);
	copy_zoo("other-ca.pem", path, 2000000);
	assert_int_equal(get(&spec, &new, reason), 0);
	unlink(path);
	assert_int_equal(get(&spec, &gone, reason), -ENOENT);
	assert_ptr_equal(old, same);
	assert_ptr_not_equal(old, new);
	credentials_put(old);
	credentials_put(same);
	credentials_put(new);
	credential_spec_fini(&spec);
}

/* An authority is replaced in its directory, whose own time stays as it was. */
/* As one asks who may not look into the directory. */
static int get_hidden(const char *dir, const struct credential_spec *spec, struct credentials **c)
{
	bool is_root = getuid() == 0;
	char reason[512];
	int r;

	chmod(dir, 0);
	if (is_root && seteuid(NOBODY) < 0)
		return -errno;
	r = get(spec, c, reason);
	if (is_root && seteuid(0) < 0)
		return -errno;
	chmod(dir, S_IRWXU);
	return r;
}

/* A server that gives up its privileges has what it read with them. */
static void test_hidden_file_holds(void **state)
{
	char dir[] = "/tmp/tlssock-hidden-XXXXXX", path[64], reason[512];
	char other_path[64], other_dir[64];
	const char *const names[] = {path, dir}, *const others[] = {other_path, other_dir};

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/ca.pem", dir);
	snprintf(other_path, sizeof(other_path), "%s/./ca.pem", dir);
	snprintf(other_dir, sizeof(other_dir), "%s/.", dir);
	copy_zoo("ca.pem", path, 1000000);
	for (size_t i = 0; i < COUNT(names); i++) {
		struct credential_spec spec = {0};
		struct credentials *old, *same, *new = NULL;

		add(&spec, CREDENTIAL_CA, names[i]);
		assert_int_equal(get(&spec, &old, reason), 0);
		assert_int_equal(get_hidden(dir, &spec, &same), 0);
		assert_ptr_equal(old, same);
		credentials_put(old);
		credentials_put(same);
		credential_spec_fini(&spec);
		/* What was never read is refused. */
		add(&spec, CREDENTIAL_CA, others[i]);
		assert_int_equal(get_hidden(dir, &spec, &new), -EACCES);
		credential_spec_fini(&spec);
	}
	unlink(path);
	rmdir(dir);
}

static void test_changed_file_in_a_directory(void **state)
{
	char dir[] = "/tmp/tlssock-roots-XXXXXX", path[64], reason[512];
	struct credential_spec spec = {0};
	struct credentials *old, *new;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/ca.pem", dir);
	copy_zoo("ca.pem", path, 1000000);
	add(&spec, CREDENTIAL_CA, dir);
	assert_int_equal(get(&spec, &old, reason), 0);
	copy_zoo("other-ca.pem", path, 2000000);
	assert_int_equal(get(&spec, &new, reason), 0);
	unlink(path);
	rmdir(dir);
	credentials_put(old);
	credentials_put(new);
	credential_spec_fini(&spec);
	assert_ptr_not_equal(old, new);
}

/* What nobody uses is not kept for ever, and what is used is not let go. */
static void test_bounded(void **state)
{
	struct credential_spec kept = {0};
	struct credentials *used, *again;
	char reason[512], text[8192];
	size_t n = read_file(zoo("ca.pem"), text, sizeof(text) - 200);
	long live = 0;

	(void)state;
	fill(&kept, true);
	assert_int_equal(get(&kept, &used, reason), 0);
	for (size_t i = 0; i < 60; i++) {
		struct credential_spec spec = {0};
		struct credentials *c;

		/* Text behind the certificate makes it another value. */
		memset(text + n, ' ', i + 1);
		assert_int_equal(credential_spec_add(&spec, CREDENTIAL_CA, text, n + i + 1), 0);
		assert_int_equal(get(&spec, &c, reason), 0);
		credentials_put(c);
		credential_spec_fini(&spec);
		if (i == 30)
			live = alloc_live();
	}
	assert_int_equal(alloc_live(), live);
	assert_int_equal(get(&kept, &again, reason), 0);
	assert_ptr_equal(used, again);
	credentials_put(used);
	credentials_put(again);
	credential_spec_fini(&kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_CASE(test_same_is_shared),
		UNIT_CASE(test_changed_file_is_read_again),
		UNIT_CASE(test_changed_file_in_a_directory),
		UNIT_CASE(test_hidden_file_holds),
		UNIT_CASE(test_bounded),
	};

	return cmocka_run_group_tests_name("credentials: sharing", tests, NULL, NULL);
}
