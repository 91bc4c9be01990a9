/* SPDX-License-Identifier: MIT */
/* stdio on a TLS socket: fdopen, dprintf and kin. */
#include "child.h"
#include "file.h"
#include "proc.h"
#include "stream.h"
#include "trace.h"
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <tlssock.h>
#include <unistd.h>
#include <wchar.h>

int __dprintf_chk(int fd, int flag, const char *format, ...);
int __vdprintf_chk(int fd, int flag, const char *format, va_list ap);

static void modes(struct link *l, struct trace *t)
{
	static const char *const all[] = {"",	 "x",	"r",   "w",  "r+", "w+", "rb",	  "r+b",
					  "rb+", "rt+", "wex", "re", "a",  "a+", "rxxxx+"};

	for (size_t i = 0; i < COUNT(all); i++) {
		int fd = dup(l->client);
		FILE *f = (errno = TRACE_ERRNO, fdopen(fd, all[i]));

		trace_note(t, "\"%s\": %d, errno %d\n", all[i], f != NULL, f ? 0 : errno);
		if (!f) {
			close(fd);
			continue;
		}
		trace_note(t, "fileno %d %d, reads %d, writes %d, append %d\n", fileno(f) == fd,
			   fileno_unlocked(f) == fd, __freadable(f) != 0, __fwritable(f) != 0,
			   (fcntl(fd, F_GETFL) & O_APPEND) != 0);
		CALL(t, fclose(f));
		CALL(t, fcntl(fd, F_GETFD));
	}
	trace_note(t, "%d\n", fdopen(-1, "r") != NULL);
	CALL(t, send(l->client, "on", 2, 0));
	file_note_arrived(t, l->server, 2);
}

static void written(struct link *l, struct trace *t)
{
	FILE *f = file_on(&l->client, "w");

	for (int i = 0; i < 5000; i++)
		fputc('a' + i % 26, f);
	trace_note(t, "buffer %zu, lines %d\n", __fbufsize(f), __flbf(f) != 0);
	file_note_arrived(t, l->server, 4096);
	CALL(t, fflush(f));
	file_note_arrived(t, l->server, 904);
	CALL(t, fprintf(f, "%s %d %5.2f\n", "text", -5, 2.5));
	CALL(t, fflush(NULL));
	file_note_arrived(t, l->server, 14);
	for (size_t n = 4094; n <= 12288; n += n < 4100 ? 1 : 4094) {
		static char block[12288];

		CALL(t, fwrite(block, 1, n, f));
		CALL(t, fputc('x', f));
		CALL(t, fflush(f));
		file_note_arrived(t, l->server, n + 1);
	}
	CALL(t, fputs("rest", f));
	CALL(t, fclose(f));
	file_note_arrived(t, l->server, 4);
}

static void buffers(struct link *l, struct trace *t)
{
	static char mine[100];
	FILE *f = file_on(&l->client, "w");

	CALL(t, setvbuf(f, NULL, _IOLBF, 0));
	CALL(t, fputs("line\nand", f));
	file_note_arrived(t, l->server, 5);
	CALL(t, fputs(" half", f));
	file_note_arrived(t, l->server, 0);
	CALL(t, fputc('\n', f));
	file_note_arrived(t, l->server, 9);
	CALL(t, setvbuf(f, NULL, _IONBF, 0));
	CALL(t, fputc('u', f));
	CALL(t, fprintf(f, "%d%d", 1, 2));
	file_note_arrived(t, l->server, 3);
	CALL(t, setvbuf(f, mine, _IOFBF, sizeof(mine)));
	for (int i = 0; i < 150; i++)
		fputc('b', f);
	file_note_arrived(t, l->server, 100);
	CALL(t, fclose(f));
	file_note_arrived(t, l->server, 50);
}

static void reading(struct link *l, struct trace *t)
{
	static char text[20000], line[20000];
	FILE *f = file_on(&l->client, "r");
	char *grown = NULL;
	size_t room = 0;

	memset(text, 'l', sizeof(text));
	memcpy(text, "one\ntwo\n", 8);
	text[12000] = '\n';
	assert_ok(send(l->server, text, sizeof(text), 0));
	file_note_line(t, f);
	CALL(t, ungetc('X', f));
	CALL(t, ungetc('Y', f));
	file_note_line(t, f);
	CALL(t, getline(&grown, &room, f));
	free(grown);
	CALL(t, fread(line, 1, 7000, f));
	CALL(t, fread(line, 1, 998, f));
	CALL(t, fgetc(f));
	CALL(t, fseek(f, 0, SEEK_SET));
	CALL(t, ftell(f));
	assert_ok(send(l->server, "12 ab 7", 7, 0));
	assert_ok(shutdown(l->server, SHUT_WR));
	CALL(t, fscanf(f, "%d%1999s%d", &(int){0}, line, &(int){0}));
	trace_note(t, "eof %d error %d\n", feof(f) != 0, ferror(f) != 0);
	CALL(t, fgetc(f));
	clearerr(f);
	CALL(t, fgetc(f));
	CALL(t, fputc('w', f));
	trace_note(t, "eof %d error %d\n", feof(f) != 0, ferror(f) != 0);
	CALL(t, fclose(f));
}

static void both_ways(struct link *l, struct trace *t)
{
	FILE *f = file_on(&l->client, "r+");

	CALL(t, fputs("question\n", f));
	CALL(t, fflush(f));
	file_note_arrived(t, l->server, 9);
	assert_ok(send(l->server, "answer\nmore\n", 12, 0));
	file_note_line(t, f);
	CALL(t, fputs("again\n", f));
	CALL(t, fflush(f));
	trace_note(t, "eof %d error %d\n", feof(f) != 0, ferror(f) != 0);
	clearerr(f);
	file_note_line(t, f);
	CALL(t, fputs("once more\n", f));
	CALL(t, fflush(f));
	rewind(f);
	CALL(t, fclose(f));
	assert_ok(shutdown(l->server, SHUT_WR));
}

/* Two streams of one socket, as getc and putc sides of one program. */
static void two_streams(struct link *l, struct trace *t)
{
	int fd = dup(l->client);
	FILE *in = file_on(&fd, "r"), *out = file_on(&l->client, "w");

	for (int i = 0; i < 3; i++) {
		CALL(t, fprintf(out, "ping %d\n", i));
		CALL(t, fflush(out));
		file_note_arrived(t, l->server, 7);
		assert_ok(send(l->server, "pong\n", 5, 0));
		file_note_line(t, in);
	}
	CALL(t, fclose(out));
	assert_ok(send(l->server, "last\n", 5, 0));
	file_note_line(t, in);
	CALL(t, fclose(in));
}

static void not_waiting(struct link *l, struct trace *t)
{
	struct pollfd readable = {.fd = l->client, .events = POLLIN};
	FILE *f;

	assert_ok(fcntl(l->client, F_SETFL, O_NONBLOCK));
	f = file_on(&l->client, "r");
	CALL(t, fgetc(f));
	trace_note(t, "eof %d error %d\n", feof(f) != 0, ferror(f) != 0);
	assert_ok(send(l->server, "half", 4, 0));
	assert_int_equal(poll(&readable, 1, TEST_DEADLINE_MS), 1);
	file_note_line(t, f);
	assert_ok(send(l->server, " line\n", 6, 0));
	assert_int_equal(poll(&readable, 1, TEST_DEADLINE_MS), 1);
	clearerr(f);
	file_note_line(t, f);
	CALL(t, fgetc(f));
	CALL(t, fclose(f));
}

static void on_alarm(int signal_number)
{
	(void)signal_number;
}

/* More than one comes: the first may be early. */
static void interrupted(struct link *l, struct trace *t)
{
	struct sigaction old, action = {.sa_handler = on_alarm};
	struct itimerval every = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
	FILE *f = file_on(&l->client, "r");

	sigaction(SIGALRM, &action, &old);
	setitimer(ITIMER_REAL, &every, NULL);
	CALL(t, fgetc(f));
	setitimer(ITIMER_REAL, &never, NULL);
	sigaction(SIGALRM, &old, NULL);
	trace_note(t, "eof %d error %d\n", feof(f) != 0, ferror(f) != 0);
	assert_ok(send(l->server, "x", 1, 0));
	CALL(t, fgetc(f));
	assert_ok(setsockopt(fileno(f), SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){0, 20000},
			     sizeof(struct timeval)));
	CALL(t, fgetc(f));
	CALL(t, fclose(f));
}

static void failing(struct link *l, struct trace *t)
{
	int fd = l->client;
	FILE *f = file_on(&l->client, "w");

	CALL(t, fputs("lost", f));
	assert_ok(shutdown(fd, SHUT_WR));
	CALL(t, fflush(f));
	trace_note(t, "error %d\n", ferror(f) != 0);
	CALL(t, fflush(f));
	CALL(t, fputs("lost too", f));
	CALL(t, fclose(f));
	CALL(t, fcntl(fd, F_GETFD));
	fd = dup(l->server);
	f = file_on(&l->server, "w");
	CALL(t, fputs("kept", f));
	assert_ok(close(fileno(f)));
	CALL(t, fflush(f));
	CALL(t, fclose(f));
	close(fd);
}

__attribute__((format(printf, 3, 4))) static int by_vdprintf(int fd, int fortified,
							     const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = fortified ? __vdprintf_chk(fd, 1, format, ap) : vdprintf(fd, format, ap);
	va_end(ap);
	return n;
}

static void by_dprintf(struct link *l, struct trace *t)
{
	CALL(t, dprintf(l->client, "%s-%d", "text", 7));
	CALL(t, by_vdprintf(l->client, 0, "%c", 'v'));
	CALL(t, __dprintf_chk(l->client, 1, "%d", 12));
	CALL(t, by_vdprintf(l->client, 1, "%x", 255));
	file_note_arrived(t, l->server, 11);
	CALL(t, dprintf(l->client, "%s", ""));
	CALL(t, dprintf(l->client, "%20000d", 5));
	file_note_arrived(t, l->server, 20000);
	CALL(t, dprintf(l->client, "%lc", (wint_t)0xd800));
	assert_ok(shutdown(l->client, SHUT_WR));
	CALL(t, dprintf(l->client, "late"));
}

static int percent_n(void *arg)
{
	char format[] = "text%n"; /* in memory that can be written */
	int n = 0;

	return __dprintf_chk(*(int *)arg, 1, format, &n) == 4 ? 0 : 1;
}

/* The check of _FORTIFY_SOURCE is glibc's own, and ends the process. */
static void fortified(struct link *l, struct trace *t)
{
	CALL(t, child_finish(child_start(percent_n, &l->client)));
}

/* What libc leaves in the place of a number there may look like any. */
static void memory_stream(struct link *l, struct trace *t)
{
	char *text = NULL, buf[4];
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert_non_null(f);
	f->_fileno = INT_MIN + l->client;
	assert_true(fputs("text", f) >= 0);
	CALL(t, fclose(f));
	CALL(t, strcmp(text, "text"));
	free(text);
	CALL(t, send(l->client, "on", 2, MSG_NOSIGNAL));
	CALL(t, recv(l->server, buf, sizeof(buf), 0));
}

static const struct compare_case cases[] = {
	{"a stream of memory", memory_stream},
	{"fdopen and its modes", modes},
	{"what is written, and when", written},
	{"setvbuf", buffers},
	{"what is read, pushed back, left", reading},
	{"one stream for both ways", both_ways},
	{"two streams of one socket", two_streams},
	{"a socket that does not wait", not_waiting},
	{"signals and timeouts", interrupted},
	{"failing flushes", failing},
	{"dprintf and kin", by_dprintf},
	{"%n in a fortified dprintf", fortified},
};

/* A socket that does not wait, and a peer that does not read: nothing is lost or repeated. */
static void full_window(void **state)
{
	static char block[8000], got[8000];
	struct link link;
	uint64_t sent = 0, received = 0;
	ssize_t n;
	FILE *f;

	(void)state;
	link_open(&link, IPPROTO_TLS, AF_INET);
	assert_ok(fcntl(link.client, F_SETFL, O_NONBLOCK));
	f = file_on(&link.client, "w");
	assert_int_equal(setvbuf(f, NULL, _IONBF, 0), 0);
	for (size_t done = sizeof(block); done == sizeof(block); sent += done) {
		stream_fill(sent, block, sizeof(block));
		done = fwrite(block, 1, sizeof(block), f);
	}
	assert_int_equal(errno, EAGAIN);
	assert_true(ferror(f));
	clearerr(f);
	/* Goes on where it stopped, as a program does that counts. */
	for (uint64_t end = sent + 100000; received < end;) {
		n = recv(link.server, got, sizeof(got), MSG_DONTWAIT);
		assert_true(n > 0 || errno == EAGAIN);
		assert_true(n < 0 || stream_mismatch(received, got, (size_t)n) == (size_t)n);
		received += n > 0 ? (uint64_t)n : 0;
		if (sent == end)
			continue;
		stream_fill(sent, block, sizeof(block));
		sent += fwrite(block, 1, end - sent < sizeof(block) ? end - sent : sizeof(block),
			       f);
	}
	assert_int_equal(fclose(f), 0);
	assert_int_equal(recv(link.server, got, 1, 0), 0);
	link_close(&link);
}

int main(void)
{
	static const struct CMUnitTest others[] = {CASE(full_window)};

	signal(SIGPIPE, SIG_IGN);
	return compare_main("stdio", cases, COUNT(cases), others, COUNT(others));
}
