/* SPDX-License-Identifier: MIT */
/* Credentials by tag: every return value of the three calls. */
#include "tags.h"
#include "alloc.h"
#include "unit.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <tlssock.h>

enum { CA = TLS_CREDENTIAL_CA_CERTIFICATE, KEY = TLS_CREDENTIAL_PRIVATE_KEY };

static void test_add_get_delete(void **state)
{
	char out[16] = "";
	size_t len = sizeof(out);

	(void)state;
	assert_int_equal(tags_add(1, CA, "anchor", 6), 0);
	assert_int_equal(tags_get(1, CA, out, &len), 0);
	assert_int_equal(len, 6);
	assert_string_equal(out, "anchor");
	assert_int_equal(tags_delete(1, CA), 0);
	assert_int_equal(tags_get(1, CA, out, &len), -ENOENT);
	assert_int_equal(len, 0);
}

static void test_bytes_are_copied(void **state)
{
	char bytes[] = "a\0b", out[4];
	size_t len = sizeof(out);

	(void)state;
	assert_int_equal(tags_add(1, KEY, bytes, sizeof(bytes)), 0);
	memset(bytes, 'x', sizeof(bytes));
	assert_int_equal(tags_get(1, KEY, out, &len), 0);
	assert_int_equal(len, 4);
	assert_memory_equal(out, "a\0b", 4);
	assert_int_equal(tags_delete(1, KEY), 0);
}

struct add_row {
	const char *title;
	int type;
	const char *data;
	size_t len;
	int result;
};

static struct add_row adds[] = {
	{"add: type none", TLS_CREDENTIAL_NONE, "x", 1, -EINVAL},
	{"add: a type below", -1, "x", 1, -EINVAL},
	{"add: a type above", TLS_CREDENTIAL_PSK_ID + 1, "x", 1, -EINVAL},
	{"add: no data", CA, NULL, 1, -EINVAL},
	{"add: no length", CA, "x", 0, -EINVAL},
	{"add: neither", CA, NULL, 0, -EINVAL},
	{"add: the first type", CA, "x", 1, 0},
	{"add: the last type", TLS_CREDENTIAL_PSK_ID, "x", 1, 0},
};

static void test_add(void **state)
{
	const struct add_row *row = *state;

	assert_int_equal(tags_add(5, row->type, row->data, row->len), row->result);
	assert_int_equal(tags_delete(5, row->type), row->result == 0 ? 0 : -ENOENT);
}

static void test_add_twice(void **state)
{
	char out[8] = "";
	size_t len = sizeof(out);

	(void)state;
	assert_int_equal(tags_add(2, CA, "first", 5), 0);
	assert_int_equal(tags_add(2, CA, "second", 6), -EEXIST);
	assert_int_equal(tags_add(2, KEY, "key", 3), 0);
	assert_int_equal(tags_add(-2, CA, "other", 5), 0);
	assert_int_equal(tags_get(2, CA, out, &len), 0);
	assert_string_equal(out, "first");
	assert_int_equal(tags_delete(2, CA), 0);
	assert_int_equal(tags_delete(2, KEY), 0);
	assert_int_equal(tags_delete(-2, CA), 0);
	assert_int_equal(tags_delete(2, CA), -ENOENT);
}

static void test_get_with_too_little_room(void **state)
{
	char out[8] = "unread";
	size_t len;

	(void)state;
	assert_int_equal(tags_add(3, CA, "anchor", 6), 0);
	for (size_t room = 0; room < 6; room++) {
		len = room;
		assert_int_equal(tags_get(3, CA, out, &len), -EFBIG);
		assert_int_equal(len, 6);
		assert_string_equal(out, "unread");
	}
	len = 100;
	assert_int_equal(tags_get(3, CA, NULL, &len), -EFBIG);
	assert_int_equal(len, 6);
	assert_int_equal(tags_get(3, CA, out, NULL), -EINVAL);
	len = 6;
	assert_int_equal(tags_get(3, CA, out, &len), 0);
	assert_int_equal(tags_delete(3, CA), 0);
}

/* Notes the types in the order in which they come; stops at one. */
struct visit {
	int types[8], n, stop_at, result;
};

static int visit_one(int type, const void *data, size_t len, void *arg)
{
	struct visit *v = arg;

	assert_int_equal(len, 1);
	assert_int_equal(*(const char *)data, '0' + type);
	v->types[v->n++] = type;
	return type == v->stop_at ? v->result : 0;
}

static void test_each(void **state)
{
	struct visit all = {0}, some = {.stop_at = 3, .result = -EINVAL}, none = {0};

	(void)state;
	for (int type = TLS_CREDENTIAL_PSK_ID; type > TLS_CREDENTIAL_NONE; type--) {
		char digit = (char)('0' + type);

		assert_int_equal(tags_add(INT_MIN, type, &digit, 1), 0);
		assert_int_equal(tags_add(INT_MAX, type, "?", 1), 0);
	}
	assert_int_equal(tags_each(INT_MIN, visit_one, &all), 0);
	assert_int_equal(all.n, 5);
	for (int i = 0; i < all.n; i++)
		assert_int_equal(all.types[i], i + 1);
	assert_int_equal(tags_each(INT_MIN, visit_one, &some), -EINVAL);
	assert_int_equal(some.n, 3);
	for (int type = TLS_CREDENTIAL_NONE + 1; type <= TLS_CREDENTIAL_PSK_ID; type++) {
		assert_int_equal(tags_delete(INT_MIN, type), 0);
		assert_int_equal(tags_delete(INT_MAX, type), 0);
	}
	assert_int_equal(tags_each(INT_MIN, visit_one, &none), -ENOENT);
	assert_int_equal(none.n, 0);
}

static void test_no_memory(void **state)
{
	long live = alloc_live();
	size_t len = 1;
	char out;

	(void)state;
	for (unsigned long at = 1; at <= 2; at++) {
		alloc_start(at);
		assert_int_equal(tags_add(4, CA, "x", 1), -ENOMEM);
		alloc_stop();
		assert_int_equal(alloc_live(), live);
		assert_int_equal(tags_get(4, CA, &out, &len), -ENOENT);
	}
	assert_int_equal(tags_add(4, CA, "x", 1), 0);
	assert_int_equal(tags_delete(4, CA), 0);
	assert_int_equal(alloc_live(), live);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(adds) + 6] = {
		UNIT_CASE(test_add_get_delete), UNIT_CASE(test_bytes_are_copied),
		UNIT_CASE(test_add_twice),	UNIT_CASE(test_get_with_too_little_room),
		UNIT_CASE(test_each),		UNIT_CASE(test_no_memory),
	};

	for (size_t i = 0; i < COUNT(adds); i++)
		tests[6 + i] = UNIT_ROW(adds[i].title, test_add, adds[i]);
	return cmocka_run_group_tests_name("tags", tests, NULL, NULL);
}
