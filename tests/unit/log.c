/* SPDX-License-Identifier: MIT */
/* What is logged, where to, and what a line cannot be made to say. */
#include "log.h"
#include "fdtable.h"
#include "libc.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>

/* What libc.write was called with last. */
static struct {
	int calls, fd;
	char text[4096];
} written;

static ssize_t keep_write(int fd, const void *buf, size_t n)
{
	written.calls++;
	written.fd = fd;
	snprintf(written.text, sizeof(written.text), "%.*s", (int)n, (const char *)buf);
	errno = EIO;
	return -1;
}

static struct {
	int calls, priority;
	char text[4096];
} sent;

void __wrap_syslog(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

void __wrap_syslog(int priority, const char *format, ...)
{
	va_list ap;

	sent.calls++;
	sent.priority = priority;
	va_start(ap, format);
	vsnprintf(sent.text, sizeof(sent.text), format, ap);
	va_end(ap);
	errno = EIO;
}

static ssize_t (*real_write)(int fd, const void *buf, size_t n);

static int setup(void **state)
{
	memset(&written, 0, sizeof(written));
	memset(&sent, 0, sizeof(sent));
	libc_bind();
	real_write = libc.write;
	libc.write = keep_write;
	log_init("error:stderr");
	return unit_setup(state);
}

static int teardown(void **state)
{
	libc.write = real_write;
	return unit_teardown(state);
}

static const char *const levels[] = {"off", "error", "warning", "info", "debug"};

static void test_levels(void **state)
{
	(void)state;
	for (enum log_level threshold = LEVEL_OFF; threshold <= LEVEL_DEBUG; threshold++) {
		log_init(levels[threshold]);
		for (enum log_level level = LEVEL_ERROR; level <= LEVEL_DEBUG; level++) {
			written.calls = 0;
			log_line(level, "text");
			if (written.calls != (level <= threshold))
				fail_msg("%s logs a line of level %s %d times", levels[threshold],
					 levels[level], written.calls);
		}
	}
}

static void test_line_is_one_write_to_stderr(void **state)
{
	(void)state;
	log_line(LEVEL_ERROR, "%s: %d", "peer", 7);
	assert_int_equal(written.calls, 1);
	assert_int_equal(written.fd, STDERR_FILENO);
	assert_string_equal(written.text, "tlssock: peer: 7\n");
}

static void test_default_is_error_to_stderr(void **state)
{
	(void)state;
	log_init(NULL);
	log_line(LEVEL_WARNING, "no");
	assert_int_equal(written.calls, 0);
	log_line(LEVEL_ERROR, "yes");
	assert_int_equal(written.fd, STDERR_FILENO);
}

static const char *const wrong[] = {
	"", "loud", "errors", "error:", "error:printer", "err", ":stderr", "ERROR", "debug :stderr",
};

static void test_wrong_setting_is_reported_and_ignored(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		written.calls = 0;
		log_init(wrong[i]);
		if (written.calls != 1 || !strstr(written.text, "ignored"))
			fail_msg("\"%s\" is not reported", wrong[i]);
		log_line(LEVEL_WARNING, "no");
		if (written.calls != 1)
			fail_msg("\"%s\" changes the level", wrong[i]);
	}
}

static void test_too_long_target_is_refused(void **state)
{
	char setting[6000] = "error:/";

	(void)state;
	memset(setting + 7, 'a', sizeof(setting) - 8);
	log_init(setting);
	assert_int_equal(written.calls, 1);
	log_line(LEVEL_ERROR, "still here");
	assert_string_equal(written.text, "tlssock: still here\n");
}

static void test_syslog(void **state)
{
	static const int priorities[] = {0, LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

	(void)state;
	log_init("debug:syslog");
	for (enum log_level level = LEVEL_ERROR; level <= LEVEL_DEBUG; level++) {
		log_line(level, "a %s line", "%s");
		assert_int_equal(sent.priority, priorities[level]);
		assert_string_equal(sent.text, "tlssock: a %s line");
	}
	assert_int_equal(sent.calls, 4);
	assert_int_equal(written.calls, 0);
}

static void test_file(void **state)
{
	char path[] = "/tmp/tlssock-log-XXXXXX", setting[64], text[64] = "";
	int fd = mkstemp(path);
	struct stat st;

	(void)state;
	assert_true(fd >= 0);
	unlink(path);
	snprintf(setting, sizeof(setting), "info:%s", path);
	log_init(setting);
	libc.write = real_write;
	log_line(LEVEL_INFO, "one");
	log_line(LEVEL_ERROR, "two");
	close(fd);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0 && fstat(fd, &st) == 0);
	unlink(path);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	assert_string_equal(text, "tlssock: one\ntlssock: two\n");
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_file_that_cannot_be_opened(void **state)
{
	(void)state;
	log_init("error:/nonexistent/directory/log");
	errno = ENOSPC;
	log_line(LEVEL_ERROR, "nowhere to go");
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(written.calls, 0);
}

static void test_control_characters_forge_nothing(void **state)
{
	static const char prefix[] = "tlssock: ";
	char text[34];

	(void)state;
	for (int i = 0; i < 32; i++)
		text[i] = (char)(i + 1);
	text[31] = 'x';
	text[32] = '\0';
	log_line(LEVEL_ERROR, "%s", text);
	assert_string_equal(written.text + strlen(prefix), "???????????????????????????????x\n");
	log_line(LEVEL_ERROR, "name\ntlssock: forged\r\033[2J");
	assert_string_equal(written.text, "tlssock: name?tlssock: forged??[2J\n");
	log_init("error:syslog");
	log_line(LEVEL_ERROR, "name\nforged");
	assert_string_equal(sent.text, "tlssock: name?forged");
}

static void test_delete_character_is_not_printed(void **state)
{
	(void)state;
	log_line(LEVEL_ERROR, "a\177b");
	assert_string_equal(written.text, "tlssock: a?b\n");
}

static void test_long_line_is_cut(void **state)
{
	static char text[3000];
	size_t len;

	(void)state;
	for (size_t n = 1000; n < 1050; n++) {
		memset(text, 'a', n);
		text[n] = '\0';
		log_line(LEVEL_ERROR, "%s", text);
		len = strlen(written.text);
		assert_true(len <= 1024 && len >= 1000);
		assert_int_equal(written.text[len - 1], '\n');
		assert_null(strchr(written.text + 9, '?'));
	}
}

static void test_errno_is_preserved(void **state)
{
	static const char *const targets[] = {"error:stderr", "error:syslog", "off"};

	(void)state;
	for (size_t i = 0; i < COUNT(targets); i++) {
		log_init(targets[i]);
		errno = ENOTUNIQ;
		log_line(LEVEL_ERROR, "text");
		assert_int_equal(errno, ENOTUNIQ);
	}
}

static void test_never_to_a_tls_socket(void **state)
{
	static int object;
	struct entry *entry = fdtable_new(&object, NULL);

	(void)state;
	assert_int_equal(fdtable_install(STDERR_FILENO, entry, false), 0);
	log_line(LEVEL_ERROR, "in the clear");
	fdtable_put(fdtable_remove(STDERR_FILENO));
	fdtable_put(entry);
	assert_int_equal(written.calls, 0);
	log_line(LEVEL_ERROR, "again");
	assert_int_equal(written.calls, 1);
}

int main(void)
{
#define LOG_CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		LOG_CASE(test_levels),
		LOG_CASE(test_line_is_one_write_to_stderr),
		LOG_CASE(test_default_is_error_to_stderr),
		LOG_CASE(test_wrong_setting_is_reported_and_ignored),
		LOG_CASE(test_too_long_target_is_refused),
		LOG_CASE(test_syslog),
		LOG_CASE(test_file),
		LOG_CASE(test_file_that_cannot_be_opened),
		LOG_CASE(test_control_characters_forge_nothing),
		LOG_CASE(test_delete_character_is_not_printed),
		LOG_CASE(test_long_line_is_cut),
		LOG_CASE(test_errno_is_preserved),
		LOG_CASE(test_never_to_a_tls_socket),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
