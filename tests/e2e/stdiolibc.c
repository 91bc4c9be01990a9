/* SPDX-License-Identifier: MIT */
/* What libc does with streams of its own accord: it waits for children, and prints. */
#include "alone.h"
#include "file.h"
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif

/* A pipe from or to a command, under whose number is the socket now. */
static FILE *pipe_over(struct link *l, struct trace *t, const char *command, const char *mode)
{
	FILE *f = popen(command, mode);

	assert_non_null(f);
	assert_true(dup2(l->client, fileno(f)) >= 0);
	link_drop(&l->client);
	trace_note(t, "\"%s\", %s\n", command, mode);
	return f;
}

/* The child is reaped, and the number was the socket's last. */
static void note_closed(struct link *l, struct trace *t)
{
	CALL(t, waitpid(-1, NULL, WNOHANG));
	CALL(t, recv(l->server, &(char){0}, 1, 0));
}

static void pclose_reads(struct link *l, struct trace *t)
{
	FILE *f = pipe_over(l, t, "exit 3", "re");

	CALL(t, pclose(f));
	note_closed(l, t);
}

static void pclose_writes(struct link *l, struct trace *t)
{
	FILE *f = pipe_over(l, t, "cat >/dev/null; exit 4", "we");

	CALL(t, pclose(f));
	note_closed(l, t);
}

/* To libc it is the same function. */
static void fclose_of_pipe(struct link *l, struct trace *t)
{
	FILE *f = pipe_over(l, t, "exit 5", "re");

	CALL(t, fclose(f));
	note_closed(l, t);
}

static void fclose_of_file(struct link *l, struct trace *t)
{
	FILE *f = fopen("/dev/null", "we");
	int fd;

	assert_non_null(f);
	fd = fileno(f);
	assert_true(dup2(l->client, fd) >= 0);
	link_drop(&l->client);
	CALL(t, fclose(f));
	CALL(t, fcntl(fd, F_GETFD));
	note_closed(l, t);
}

static void pclose_plain(struct link *l, struct trace *t)
{
	FILE *f = popen("exit 6", "re");

	CALL(t, pclose(f));
	CALL(t, send(l->client, "on", 2, 0));
	file_note_arrived(t, l->server, 2);
}

/* How much it is differs from run to run. Reads until the end of what starts so. */
static void note_text(struct trace *t, int fd, const char *start, const char *last)
{
	static char text[1 << 16];
	size_t n = 0;
	ssize_t r;

	memset(text, 0, sizeof(text));
	while (n < sizeof(text) - 1 && !strstr(text, last)) {
		r = recv(fd, text + n, sizeof(text) - 1 - n, 0);
		if (r <= 0)
			break;
		n += (size_t)r;
	}
	trace_note(t, "starts so: %d, ends so: %d\n", strncmp(text, start, strlen(start)) == 0,
		   strstr(text, last) != NULL);
}

/* A sanitizer has another malloc, and prints past all streams. */
static void prints_malloc_stats(struct link *l, struct trace *t)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
	HAS_FEATURE(address_sanitizer) || HAS_FEATURE(thread_sanitizer)
	(void)l;
	trace_note(t, "not this malloc\n");
#else
	CALL(t, dup2(l->client, 2));
	errno = 0;
	malloc_stats();
	note_text(t, l->server, "Arena 0:\n", "max mmap bytes");
	CALL(t, fputs("after\n", stderr));
	malloc_stats();
	note_text(t, l->server, "", "max mmap bytes");
	CALL(t, ferror(stderr));
#endif
}

static void prints_malloc_info(struct link *l, struct trace *t)
{
	CALL(t, dup2(l->client, 2));
	CALL(t, malloc_info(0, stderr));
	note_text(t, l->server, "<malloc version=", "</malloc>\n");
	CALL(t, malloc_info(0, file_on(&l->client, "w")));
	CALL(t, fflush(NULL));
	note_text(t, l->server, "<malloc version=", "</malloc>\n");
}

/* X(title, function) */
#define CASES(X)                                                                                   \
	X("pclose of what was read from", pclose_reads)                                            \
	X("pclose of what was written to", pclose_writes)                                          \
	X("fclose of a popen stream", fclose_of_pipe)                                              \
	X("fclose of a file's stream", fclose_of_file)                                             \
	X("pclose beside a socket", pclose_plain)                                                  \
	X("malloc_stats to a socket", prints_malloc_stats)                                         \
	X("malloc_info to a socket", prints_malloc_info)

CASES(ALONE_CASE)

static const struct compare_case cases[] = {CASES(ALONE_ROW)};

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	return compare_main("stdiolibc", cases, COUNT(cases), NULL, 0);
}
