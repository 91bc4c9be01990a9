/* SPDX-License-Identifier: MIT */
/*
 * trace.h - what a case's calls returned, as text, so that one run over TCP and
 * one over TLS can be compared: return values, errno, bytes.
 */
#ifndef TEST_TRACE_H
#define TEST_TRACE_H

#include "net.h"
#include "test.h"
#include <errno.h>
#include <stddef.h>
#include <sys/uio.h>

struct trace {
	char text[65536];
	size_t length;
};

/* errno before each call; a successful one must leave it alone. */
#define TRACE_ERRNO 131

/* Make the call and note it. The value is the call's. */
#define CALL(trace, call) (errno = TRACE_ERRNO, trace_call((trace), #call, (long)(call)))

/* A call whose expression is too long or differs between protocols: named by hand. */
#define NAMED(trace, name, call) (errno = TRACE_ERRNO, trace_call((trace), name, (long)(call)))

long trace_call(struct trace *trace, const char *what, long ret);
void trace_note(struct trace *trace, const char *format, ...) __attribute__((format(printf, 2, 3)));
void trace_bytes(struct trace *trace, const void *buf, long n);

/* Fail the test, with the first lines that differ, if the two do. */
void trace_compare(const struct trace *by_tcp, const struct trace *by_tls);

/* A vector of text, which no call it is for writes to. */
struct iovec trace_text(const char *text);

struct compare_case {
	const char *name;
	void (*run)(struct link *link, struct trace *trace);
};

/*
 * Run each case over TCP and TLS, IPv4 and IPv6, and the tests of the second
 * table as they are. Returns main()'s value.
 */
int compare_main(const char *group, const struct compare_case *cases, size_t count,
		 const struct CMUnitTest *more, size_t more_count);

#endif /* TEST_TRACE_H */
