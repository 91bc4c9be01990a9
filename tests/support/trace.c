/* SPDX-License-Identifier: MIT */
#include "trace.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

void trace_note(struct trace *trace, const char *format, ...)
{
	size_t room = sizeof(trace->text) - trace->length;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(trace->text + trace->length, room, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room)
		fail_msg("a trace is too long");
	trace->length += (size_t)n;
}

long trace_call(struct trace *trace, const char *what, long ret)
{
	int error = errno;

	trace_note(trace, "%s = %ld", what, ret);
	if (ret < 0)
		trace_note(trace, " %s", strerrorname_np(error));
	else if (error != TRACE_ERRNO)
		trace_note(trace, " but errno became %s", strerrorname_np(error));
	trace_note(trace, "\n");
	return ret;
}

void trace_bytes(struct trace *trace, const void *buf, long n)
{
	const unsigned char *p = buf;

	trace_note(trace, "\t\"");
	for (long i = 0; i < n; i++)
		trace_note(trace, isprint(p[i]) ? "%c" : "\\%02x", p[i]);
	trace_note(trace, "\"\n");
}

struct iovec trace_text(const char *text)
{
	return (struct iovec){(void *)(uintptr_t)text, strlen(text)};
}

struct comparison {
	const struct compare_case *what;
	int family;
	char title[128];
};

static void trace_one(const struct comparison *comparison, int protocol, struct trace *trace)
{
	struct link link;

	*trace = (struct trace){0};
	link_open(&link, protocol, comparison->family);
	comparison->what->run(&link, trace);
	link_close(&link);
}

/* The first line that differs, with the two before it: a failure must fit a message. */
void trace_compare(const struct trace *by_tcp, const struct trace *by_tls)
{
	const char *tcp = by_tcp->text, *tls = by_tls->text;
	size_t i = 0, start;

	if (strcmp(tcp, tls) == 0)
		return;
	while (tcp[i] == tls[i])
		i++;
	start = i;
	for (int lines = 0; start > 0 && lines < 3; start -= lines < 3)
		lines += tcp[start - 1] == '\n';
	fail_msg("...\n%.*s|| TCP: %.160s\n|| TLS: %.160s", (int)(i - start), tcp + start, tcp + i,
		 tls + i);
}

static void compare(void **state)
{
	const struct comparison *comparison = *state;
	static struct trace tcp, tls;

	trace_one(comparison, IPPROTO_TCP, &tcp);
	assert_true(tcp.length > 0);
	trace_one(comparison, IPPROTO_TLS, &tls);
	trace_compare(&tcp, &tls);
}

int compare_main(const char *group, const struct compare_case *cases, size_t count,
		 const struct CMUnitTest *more, size_t more_count)
{
	static const int families[] = {AF_INET, AF_INET6};
	struct comparison *comparisons = calloc(2 * count + 1, sizeof(*comparisons));
	struct CMUnitTest *tests = calloc(2 * count + more_count + 1, sizeof(*tests));
	size_t n = 0;
	int ret;

	for (size_t i = 0; i < 2 * count; i++, n++) {
		comparisons[n] = (struct comparison){&cases[i / 2], families[i % 2], ""};
		snprintf(comparisons[n].title, sizeof(comparisons[n].title), "%s, IPv%d",
			 cases[i / 2].name, i % 2 ? 6 : 4);
		tests[n] = ROW_CASE(comparisons[n].title, compare, &comparisons[n]);
	}
	for (size_t i = 0; i < more_count; i++)
		tests[n++] = more[i];
	tests[n++] = (struct CMUnitTest)CASE(nothing_left);
	ret = _cmocka_run_group_tests(group, tests, n, group_setup, NULL);
	free(tests);
	free(comparisons);
	return ret;
}
