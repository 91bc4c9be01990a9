/* SPDX-License-Identifier: MIT */
/* Keys of tickets: those that a process makes itself, and those of files. */
#include "tickets.h"

#include "alloc.h"
#include "clienthello.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { START_S = 1000000, GRACE_S = 100 };

static struct ticket_keys own_at(int64_t now_s)
{
	struct ticket_keys keys = {0};

	assert_int_equal(tickets_own(now_s, &keys), 0);
	return keys;
}

static void assert_same(const uint8_t *a, const uint8_t *b)
{
	assert_memory_equal(a, b, TICKET_KEY);
}

static void assert_not_same(const uint8_t *a, const uint8_t *b)
{
	assert_memory_not_equal(a, b, TICKET_KEY);
}

static void test_own_keys_rotate(void **state)
{
	struct ticket_keys first, same, second, third;

	(void)state;
	first = own_at(START_S);
	assert_int_equal(first.count, 1);
	same = own_at(START_S + TICKET_ROTATION_S - 1);
	assert_int_equal(same.count, 1);
	assert_same(same.keys[0], first.keys[0]);
	second = own_at(START_S + TICKET_ROTATION_S);
	assert_int_equal(second.count, 2);
	assert_not_same(second.keys[0], first.keys[0]);
	assert_same(second.keys[1], first.keys[0]);
	third = own_at(START_S + 2 * TICKET_ROTATION_S);
	assert_same(third.keys[1], second.keys[0]);
	assert_not_same(third.keys[0], first.keys[0]);
	tickets_wipe();
	assert_not_same(own_at(START_S).keys[0], first.keys[0]);
	tickets_wipe();
}

/* However late a process looks, it comes to the same. */
static void test_processes_agree(void **state)
{
	struct ticket_keys here, there;
	int pipes[2], status = -1;
	pid_t pid;

	(void)state;
	own_at(START_S);
	assert_int_equal(pipe(pipes), 0);
	pid = fork();
	if (pid == 0) {
		there = own_at(START_S + 3 * TICKET_ROTATION_S);
		_exit(write(pipes[1], &there, sizeof(there)) == sizeof(there) ? 0 : 1);
	}
	for (int i = 1; i <= 3; i++)
		here = own_at(START_S + i * TICKET_ROTATION_S);
	assert_int_equal(read(pipes[0], &there, sizeof(there)), sizeof(there));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(there.count, here.count);
	assert_same(there.keys[0], here.keys[0]);
	assert_same(there.keys[1], here.keys[1]);
	close(pipes[0]);
	close(pipes[1]);
	tickets_wipe();
}

static char path[64];

/* A file whose keys are of these letters. */
static void write_file(const char *letters, size_t more, mode_t mode)
{
	char bytes[TICKET_KEY], next[80];
	FILE *f;

	snprintf(next, sizeof(next), "%s.next", path);
	f = fopen(next, "w");
	assert_non_null(f);
	for (; *letters; letters++) {
		memset(bytes, *letters, sizeof(bytes));
		assert_int_equal(fwrite(bytes, 1, sizeof(bytes), f), sizeof(bytes));
	}
	assert_int_equal(fwrite(bytes, 1, more, f), more);
	fclose(f);
	assert_int_equal(chmod(next, mode), 0);
	assert_int_equal(rename(next, path), 0);
}

/* What the file gives, as letters; or the error. */
static const char *file_at(int64_t now_s)
{
	static char text[TICKET_KEYS + 8];
	char reason[256] = "";
	struct ticket_keys keys = {0};
	int r = tickets_of_file(path, now_s, GRACE_S, &keys, reason, sizeof(reason));

	if (r < 0) {
		assert_non_null(strstr(reason, path));
		snprintf(text, sizeof(text), "%s", strerrorname_np(-r));
		return text;
	}
	for (unsigned int i = 0; i < keys.count; i++)
		text[i] = (char)keys.keys[i][TICKET_KEY - 1];
	text[keys.count] = '\0';
	return text;
}

static void set_path(void)
{
	snprintf(path, sizeof(path), "/tmp/tlssock-keys-%d", getpid());
	tickets_wipe();
}

static void test_file_is_read_again(void **state)
{
	(void)state;
	set_path();
	write_file("ab", 0, 0600);
	assert_string_equal(file_at(0), "ab");
	write_file("cd", 0, 0600);
	assert_string_equal(file_at(10), "cdab");
	assert_string_equal(file_at(10 + GRACE_S - 1), "cdab");
	assert_string_equal(file_at(10 + GRACE_S), "cd");
	unlink(path);
	tickets_wipe();
}

static const struct {
	const char *title, *letters;
	size_t more;
	mode_t mode;
	const char *result;
} files[] = {
	{"four keys", "abcd", 0, 0600, "abcd"},
	{"a group may read it", "a", 0, 0640, "a"},
	{"none", "", 0, 0600, "EINVAL"},
	{"five", "abcde", 0, 0600, "EINVAL"},
	{"a byte too many", "a", 1, 0600, "EINVAL"},
	{"others may read it", "a", 0, 0604, "EACCES"},
	{"others may write it", "a", 0, 0602, "EACCES"},
	{"a group may write it", "a", 0, 0620, "EACCES"},
};

/* Also as the successor of a good one, which then stays. */
static void test_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(files); i++) {
		bool good = files[i].result[0] != 'E';
		char both[16];

		snprintf(both, sizeof(both), "%sx", good ? files[i].result : "");
		set_path();
		write_file(files[i].letters, files[i].more, files[i].mode);
		assert_string_equal(file_at(0), files[i].result);
		tickets_wipe();
		write_file("x", 0, 0600);
		assert_string_equal(file_at(0), "x");
		write_file(files[i].letters, files[i].more, files[i].mode);
		assert_string_equal(file_at(GRACE_S), both);
		unlink(path);
		assert_string_equal(file_at(3 * GRACE_S), good ? files[i].result : "x");
		tickets_wipe();
	}
	assert_string_equal(file_at(0), "ENOENT");
}

static void test_no_memory(void **state)
{
	long live;

	(void)state;
	set_path();
	write_file("a", 0, 0600);
	live = alloc_live();
	for (unsigned long i = 1; i <= 2; i++) {
		alloc_start(i);
		assert_string_equal(file_at(0), "ENOMEM");
		alloc_stop();
	}
	assert_int_equal(alloc_live(), live);
	assert_string_equal(file_at(0), "a");
	unlink(path);
	tickets_wipe();
	assert_int_equal(alloc_live(), live);
}

static const uint8_t hello[] = "\3\3"
			       "12345678901234567890123456789012"
			       "\1i"
			       "\0\2cc"
			       "\1\0"
			       "\0\47"				       /* extensions */
			       "\0\0\0\14\0\12\0\0\7example"	       /* server_name */
			       "\0\51\0\23\0\21\0\3one1234\0\2tw1234"; /* pre_shared_key */

/* Whatever is missing at the end, nothing is read past it. */
static void test_client_hello(void **state)
{
	struct span s, whole = {hello, sizeof(hello) - 1};

	(void)state;
	s = clienthello_name(whole);
	assert_int_equal(s.len, 7);
	assert_memory_equal(s.data, "example", 7);
	s = clienthello_ticket(whole, 0);
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.data, "one", 3);
	s = clienthello_ticket(whole, 1);
	assert_int_equal(s.len, 2);
	assert_memory_equal(s.data, "tw", 2);
	assert_int_equal(clienthello_ticket(whole, 2).len, 0);
	for (size_t n = 0; n < whole.len; n++) {
		uint8_t *part = malloc(n ? n : 1);

		memcpy(part, hello, n);
		s = (struct span){part, n};
		for (unsigned int i = 0; i < 3; i++) {
			struct span found = clienthello_ticket(s, i);

			assert_true(found.len == 0 || found.data + found.len <= part + n);
		}
		s = clienthello_name((struct span){part, n});
		assert_true(s.len == 0 || s.data + s.len <= part + n);
		free(part);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_CASE(test_own_keys_rotate),    UNIT_CASE(test_processes_agree),
		UNIT_CASE(test_file_is_read_again), UNIT_CASE(test_files),
		UNIT_CASE(test_no_memory),	    UNIT_CASE(test_client_hello),
	};

	return cmocka_run_group_tests_name("tickets", tests, NULL, NULL);
}
