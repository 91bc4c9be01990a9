/* SPDX-License-Identifier: MIT */
/*
 * Streams of stdio whose number becomes a TLS socket's, or ceases to be one: the
 * standard ones, others, freopen. Each case is a child's, which may ruin its own.
 */
#include "alone.h"
#include "file.h"
#include "proc.h"
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <wchar.h>

/* A file that stands for where output went before, and what is in it. */
static int plain_file(const char *text)
{
	int fd = memfd_create("plain", MFD_CLOEXEC);

	assert_ok(fd);
	assert_ok(write(fd, text, strlen(text)));
	assert_ok(lseek(fd, 0, SEEK_SET));
	return fd;
}

static void note_file(struct trace *t, int fd)
{
	char buf[256];
	ssize_t n = pread(fd, buf, sizeof(buf), 0);

	trace_note(t, "in the file:\n");
	trace_bytes(t, buf, n);
}

/* What bash does for echo >&3. */
static void echo(struct link *l, struct trace *t)
{
	int file = plain_file("");

	CALL(t, dup2(file, 1));
	for (int i = 0; i < 3; i++) {
		CALL(t, printf("plain %d\n", i));
		CALL(t, fflush(stdout));
		assert_ok(fcntl(1, F_DUPFD, 10));
		CALL(t, dup2(l->client, 1));
		CALL(t, printf("over %d\n", i));
		CALL(t, puts("puts"));
		CALL(t, fflush(stdout));
		trace_note(t, "fileno %d, error %d\n", fileno(stdout), ferror(stdout) != 0);
		file_note_arrived(t, l->server, 12);
		CALL(t, dup2(10, 1));
		CALL(t, close(10));
	}
	CALL(t, printf("end\n"));
	CALL(t, fflush(stdout));
	note_file(t, file);
}

static void pending_output(struct link *l, struct trace *t)
{
	int file = plain_file("");

	CALL(t, dup2(file, 1));
	CALL(t, printf("before, "));
	CALL(t, dup2(l->client, 1));
	CALL(t, printf("after\n"));
	trace_note(t, "pending %zu of %zu\n", __fpending(stdout), __fbufsize(stdout));
	file_note_arrived(t, l->server, 0);
	CALL(t, fflush(stdout));
	file_note_arrived(t, l->server, 14);
	CALL(t, printf("back"));
	CALL(t, dup2(file, 1));
	trace_note(t, "pending %zu\n", __fpending(stdout));
	CALL(t, fflush(stdout));
	note_file(t, file);
	file_note_arrived(t, l->server, 0);
}

/* A buffer that is full to the last byte is not flushed by dup2. */
static void full_buffers(struct link *l, struct trace *t)
{
	static char buffer[64];
	int file = plain_file("");

	CALL(t, dup2(file, 1));
	CALL(t, setvbuf(stdout, buffer, _IOFBF, sizeof(buffer)));
	for (int i = 0; i < 64; i++)
		putchar('f');
	CALL(t, dup2(l->client, 1));
	trace_note(t, "pending %zu of %zu\n", __fpending(stdout), __fbufsize(stdout));
	CALL(t, putchar('1'));
	file_note_arrived(t, l->server, 64);
	for (int i = 0; i < 63; i++)
		putchar('g');
	CALL(t, dup2(file, 1));
	trace_note(t, "pending %zu of %zu\n", __fpending(stdout), __fbufsize(stdout));
	CALL(t, fflush(stdout));
	note_file(t, file);
}

static void line_buffered(struct link *l, struct trace *t)
{
	int file = plain_file("");

	CALL(t, dup2(file, 1));
	CALL(t, setvbuf(stdout, NULL, _IOLBF, 0));
	CALL(t, fputs("to the file\n", stdout));
	CALL(t, printf("half "));
	CALL(t, dup2(l->client, 1));
	CALL(t, putchar('a'));
	file_note_arrived(t, l->server, 0);
	CALL(t, putchar('\n'));
	file_note_arrived(t, l->server, 7);
	CALL(t, setvbuf(stdout, NULL, _IONBF, 0));
	CALL(t, putchar('u'));
	file_note_arrived(t, l->server, 1);
	CALL(t, dup2(file, 1));
	CALL(t, putchar('v'));
	note_file(t, file);
}

static void standard_error(struct link *l, struct trace *t)
{
	int file = plain_file("");

	CALL(t, dup2(file, 2));
	CALL(t, fprintf(stderr, "to the file\n"));
	CALL(t, dup2(l->client, 2));
	CALL(t, fprintf(stderr, "%s\n", "over"));
	file_note_arrived(t, l->server, 5);
	errno = ENOENT;
	perror("perror");
	file_note_arrived(t, l->server, 34);
	psignal(SIGHUP, "psignal");
	file_note_arrived(t, l->server, 16);
	h_errno = HOST_NOT_FOUND;
	herror("herror");
	file_note_arrived(t, l->server, 21);
	herror(NULL);
	file_note_arrived(t, l->server, 13);
	CALL(t, dup2(file, 2));
	perror("back");
	note_file(t, file);
}

static void standard_input(struct link *l, struct trace *t)
{
	int file = plain_file("1\n2\n3\n"), more = plain_file("plain\n");

	CALL(t, dup2(file, 0));
	clearerr(stdin);
	file_note_line(t, stdin);
	CALL(t, ungetc('b', stdin));
	CALL(t, ungetc('a', stdin));
	CALL(t, dup2(l->client, 0));
	assert_ok(send(l->server, "x\ny\nz\nlast\n", 11, 0));
	for (int i = 0; i < 3; i++)
		file_note_line(t, stdin);
	CALL(t, getchar());
	CALL(t, ungetc('q', stdin));
	CALL(t, scanf("%*c"));
	CALL(t, dup2(more, 0));
	for (int i = 0; i < 4; i++)
		file_note_line(t, stdin);
	CALL(t, dup2(l->client, 0));
	assert_ok(send(l->server, "again\n", 6, 0));
	CALL(t, fgetc(stdin));
	clearerr(stdin);
	file_note_line(t, stdin);
	assert_ok(shutdown(l->server, SHUT_WR));
	CALL(t, getchar());
	CALL(t, dup2(file, 0));
	trace_note(t, "eof %d error %d\n", feof(stdin) != 0, ferror(stdin) != 0);
}

static void closed(struct link *l, struct trace *t)
{
	int file = plain_file("");

	CALL(t, fflush(stdout));
	CALL(t, dup2(l->client, 1));
	CALL(t, printf("pending"));
	CALL(t, close(1));
	CALL(t, fflush(stdout));
	clearerr(stdout);
	CALL(t, dup(file));
	CALL(t, printf("to the file\n"));
	CALL(t, fflush(stdout));
	note_file(t, file);
	file_note_arrived(t, l->server, 0);
}

/* A number that socket() or accept() has given, as in a daemon that has closed all. */
static void given(struct link *l, struct trace *t)
{
	int file = plain_file("");

	CALL(t, fflush(stdout));
	CALL(t, close(1));
	CALL(t, dup(l->client));
	CALL(t, printf("printed\n"));
	CALL(t, fclose(stdout));
	file_note_arrived(t, l->server, 8);
	CALL(t, fcntl(1, F_GETFD));
	CALL(t, dup(file));
	CALL(t, printf("nowhere\n"));
	CALL(t, fflush(stdout));
	note_file(t, file);
}

static void one_over_another(struct link *l, struct trace *t)
{
	CALL(t, fflush(stdout));
	CALL(t, dup2(l->client, 1));
	CALL(t, printf("to the other"));
	CALL(t, dup2(l->server, 1));
	CALL(t, fflush(stdout));
	file_note_arrived(t, l->client, 12);
	CALL(t, dup2(1, 1));
	CALL(t, puts("!"));
	CALL(t, fflush(stdout));
	file_note_arrived(t, l->client, 2);
}

/* The reverse: a file that is not a socket under a socket's stream. */
static void file_under_stream(struct link *l, struct trace *t)
{
	int fd = l->client, file = plain_file("");
	FILE *f = file_on(&l->client, "r+");

	CALL(t, fputs("unflushed", f));
	assert_true(dup2(file, fd) == fd);
	CALL(t, fflush(f));
	note_file(t, file);
	CALL(t, fseek(f, 2, SEEK_SET));
	file_note_line(t, f);
	CALL(t, fclose(f));
	CALL(t, fcntl(fd, F_GETFD));
	file_note_arrived(t, l->server, 0);
	CALL(t, recv(l->server, &(char){0}, 1, 0));
}

static char path[64];

static void reopened(struct link *l, struct trace *t)
{
	int fd = l->client;
	FILE *f = file_on(&l->client, "w"), *g;

	CALL(t, fputs("flushed by freopen", f));
	g = freopen(path, "w+", f);
	trace_note(t, "same %d, number %d\n", f == g, fileno(f) == fd);
	file_note_arrived(t, l->server, 18);
	CALL(t, recv(l->server, &(char){0}, 1, 0));
	CALL(t, fputs("in the file\n", f));
	rewind(f);
	file_note_line(t, f);
	CALL(t, fwide(f, 0) > 0);
	CALL(t, fclose(f));
	CALL(t, fcntl(fd, F_GETFD));
	fd = l->server;
	f = file_on(&l->server, "r");
	NAMED(t, "freopen64", freopen64(path, "r", f) == f ? 0 : -1);
	file_note_line(t, f);
	CALL(t, fclose(f));
	CALL(t, fcntl(fd, F_GETFD));
}

static void reopened_in_vain(struct link *l, struct trace *t)
{
	FILE *f = file_on(&l->client, "w");

	NAMED(t, "freopen", freopen("/nowhere/at/all", "w", f) ? 0 : -1);
	CALL(t, fileno(f));
	CALL(t, recv(l->server, &(char){0}, 1, 0));
	CALL(t, fputs("x", f));
	f = file_on(&l->server, "r");
	NAMED(t, "freopen", freopen(NULL, "r", f) ? 0 : -1);
	CALL(t, fileno(f));
}

static void standard_reopened(struct link *l, struct trace *t)
{
	char text[64] = "";
	int fd;

	CALL(t, fflush(stdout));
	CALL(t, dup2(l->client, 1));
	link_drop(&l->client);
	CALL(t, printf("flushed"));
	NAMED(t, "freopen", freopen(path, "w", stdout) == stdout ? 0 : -1);
	file_note_arrived(t, l->server, 7);
	CALL(t, recv(l->server, &(char){0}, 1, 0));
	CALL(t, printf("printed\n"));
	CALL(t, fileno(stdout));
	CALL(t, fflush(stdout));
	fd = open(path, O_RDONLY | O_CLOEXEC);
	CALL(t, read(fd, text, sizeof(text)));
	trace_bytes(t, text, (long)strlen(text));
}

/* A vfork child has the parent's memory, and other descriptors. */
static void child_by_vfork(struct link *l, struct trace *t)
{
	int file = plain_file("");
	pid_t pid;

	CALL(t, fflush(stdout));
	CALL(t, dup2(l->client, 1));
	CALL(t, printf("parent's"));
	pid = vfork();
	if (pid == 0) {
		dup2(file, 1);
		close(0);
		_exit(0);
	}
	CALL(t, proc_reap(pid));
	CALL(t, fflush(stdout));
	file_note_arrived(t, l->server, 8);
	note_file(t, file);
}

/* X(title, function) */
#define CASES(X)                                                                                   \
	X("echo to a socket, as a shell does it", echo)                                            \
	X("output that waits at dup2", pending_output)                                             \
	X("buffers that are just full", full_buffers)                                              \
	X("lines, and no buffer", line_buffered)                                                   \
	X("standard error", standard_error)                                                        \
	X("standard input", standard_input)                                                        \
	X("standard output is closed", closed)                                                     \
	X("standard output by dup, and fclose", given)                                             \
	X("one TLS socket over another", one_over_another)                                         \
	X("a file under a socket's stream", file_under_stream)                                     \
	X("freopen", reopened)                                                                     \
	X("freopen in vain", reopened_in_vain)                                                     \
	X("freopen of standard output", standard_reopened)                                         \
	X("a vfork child", child_by_vfork)

CASES(ALONE_CASE)

static const struct compare_case cases[] = {CASES(ALONE_ROW)};

int main(void)
{
	int file = plain_file("");

	signal(SIGPIPE, SIG_IGN);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	return compare_main("stdionumbers", cases, COUNT(cases), NULL, 0);
}
