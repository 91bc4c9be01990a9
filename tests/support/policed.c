/* SPDX-License-Identifier: MIT */
#include "policed.h"
#include "peer.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char self[PATH_MAX], directory[] = "/tmp/tlssock-policy-XXXXXX";
static char config[64];

/* The text with what stands for paths and ports. */
static void expand(char *out, size_t size, const char *text, uint16_t port)
{
	size_t at = 0;

	while (*text && at + 1 < size) {
		if (strncmp(text, "$Z", 2) == 0)
			at += (size_t)snprintf(out + at, size - at, "%s",
					       getenv("TLSSOCK_TEST_ZOO"));
		else if (strncmp(text, "$P", 2) == 0)
			at += (size_t)snprintf(out + at, size - at, "%s", self);
		else if (strncmp(text, "PORT", 4) == 0)
			at += (size_t)snprintf(out + at, size - at, "%d", port);
		else
			out[at++] = *text;
		text += *text == '$' ? 2 : strncmp(text, "PORT", 4) == 0 ? 4 : 1;
	}
	out[at] = '\0';
}

static void write_policy(const char *policy)
{
	char text[2048];
	FILE *file;

	unlink(config);
	setenv("TLSSOCK_CONFIG", config, 1);
	if (!policy)
		unsetenv("TLSSOCK_CONFIG");
	if (!policy || strcmp(policy, "none") == 0)
		return;
	expand(text, sizeof(text), policy, 0);
	file = fopen(config, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

void policed_start(struct proc *proc, const char *policy, const char *what, uint16_t port)
{
	const char *argv[16] = {self};
	const char *preload = getenv("LD_PRELOAD");
	char words[1024], *save = NULL;
	size_t n = 1;

	write_policy(policy);
	expand(words, sizeof(words), what, port);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	/* Not NULL: that would take TLSSOCK_CONFIG away. */
	proc_start_argv(proc, argv, preload ? preload : "");
	unsetenv("TLSSOCK_CONFIG");
}

static void play(void **state)
{
	const struct policed *s = *state;
	struct native_peer peer = {.port = 0};
	struct proc proc;

	if (s->identity)
		peer_listen(&peer, "openssl-peer", AF_INET, s->identity, "--connections", "1",
			    s->version ? "--version" : NULL, s->version, NULL);
	policed_start(&proc, s->policy, s->act, peer.port);
	for (size_t i = 0; i < COUNT(s->says) && s->says[i]; i++)
		free(proc_line(&proc, s->says[i]));
	assert_int_equal(proc_finish(&proc), 0);
	if (s->identity)
		proc_finish(&peer.proc);
}

int policed_setup(void **state)
{
	assert_non_null(mkdtemp(directory));
	snprintf(config, sizeof(config), "%s/policy", directory);
	return group_setup(state);
}

int policed_teardown(void **state)
{
	(void)state;
	unlink(config);
	rmdir(directory);
	return 0;
}

size_t policed_cases(struct CMUnitTest *tests, const struct policed *scenes, size_t count)
{
	static char titles[128][96];

	assert_true(count <= COUNT(titles));
	assert_true(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
	for (size_t i = 0; i < count; i++) {
		snprintf(titles[i], sizeof(titles[i]), "%zu: %s: %s", i, scenes[i].act,
			 scenes[i].says[0]);
		tests[i] = ROW_CASE(titles[i], play, ROW(scenes[i]));
	}
	return count;
}
