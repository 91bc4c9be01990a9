/* SPDX-License-Identifier: MIT */
/*
 * A set-user-id program takes nothing from the environment of who starts it: neither trust,
 * nor a policy, nor a file to log to; and it cannot be preloaded into, so that it gets no
 * socket at all. Its owner's environment holds, which is the control. The programs are copies
 * of this one, which acts then (acting.h).
 */
#include "acting.h"
#include "net.h"
#include "peer.h"
#include "test.h"
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static char directory[] = "/tmp/tlssock-privileged-XXXXXX", program[64], logged[64];

static bool preloaded(void)
{
	const char *preload = getenv("LD_PRELOAD");

	return preload && *preload;
}

/* Where nobody has more rights by the bit there is nothing to see. */
static bool can_be_privileged(void)
{
	struct statvfs status;

	return geteuid() == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 &&
	       statvfs(directory, &status) == 0 && !(status.f_flag & ST_NOSUID);
}

/* Connects to a server of the zoo; by nobody, or by root, whose the program is. */
static void start(struct proc *proc, bool by_owner, uint16_t port, const char *name,
		  const char *trust)
{
	const char *argv[16] = {"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"};
	const char *preload = getenv("LD_PRELOAD");
	static char number[16], host[64], ca[600];
	size_t n = by_owner ? 0 : 4;

	snprintf(number, sizeof(number), "%u", port);
	snprintf(host, sizeof(host), "85:%s", name);
	snprintf(ca, sizeof(ca), "87:%s", trust ? trust : "");
	argv[n++] = program;
	argv[n++] = "connect";
	argv[n++] = "127.0.0.1";
	argv[n++] = number;
	argv[n++] = host;
	argv[n++] = trust ? ca : NULL;
	argv[n] = NULL;
	/* Not NULL: that would take the variables away. */
	proc_start_argv(proc, argv, preload ? preload : "");
}

/* A variable, and what the program says where it holds, and where it does not. */
static void starts_with(const char *name, const char *value, const char *host, const char *trust,
			const char *holding, const char *otherwise)
{
	if (!can_be_privileged())
		test_skip("a program with set-user-ID needs root, and a place without nosuid");
	for (int by_owner = 0; by_owner < 2; by_owner++) {
		struct native_peer peer;
		struct proc proc;

		peer_listen(&peer, "openssl-peer", AF_INET, "good", "--connections", "1", NULL);
		unlink(logged);
		setenv(name, value, 1);
		start(&proc, by_owner, peer.port, host, trust);
		unsetenv(name);
		free(proc_line(&proc, by_owner	    ? holding
				      : preloaded() ? "socket: EPROTONOSUPPORT"
						    : otherwise));
		assert_int_equal(proc_finish(&proc), 0);
		proc_kill(&peer.proc);
		if (strcmp(name, "TLSSOCK_LOG") == 0)
			assert_int_equal(access(logged, F_OK), by_owner ? 0 : -1);
	}
}

static void trust(void **state)
{
	(void)state;
	starts_with("TLSSOCK_CA", zoo("ca.pem"), "localhost", NULL, "connected",
		    "connect: EPROTO: localhost");
}

static void policy(void **state)
{
	(void)state;
	starts_with("TLSSOCK_CONFIG", "/none/at/all", "localhost", zoo("ca.pem"),
		    "connect: EPROTO: ", "connected");
}

static void log_file(void **state)
{
	char value[80];

	(void)state;
	snprintf(value, sizeof(value), "error:%s", logged);
	starts_with("TLSSOCK_LOG", value, "other.test", zoo("ca.pem"),
		    "connect: EPROTO: other.test", "connect: EPROTO: other.test");
}

/* The library itself comes by the program's own word, an absolute path, or not at all. */
static void copy_self(void)
{
	int in = (int)assert_ok(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), out;
	struct stat status;

	assert_ok(fstat(in, &status));
	out = (int)assert_ok(open(program, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700));
	for (off_t left = status.st_size; left > 0;)
		left -= assert_ok(sendfile(out, in, NULL, (size_t)left));
	assert_ok(fchmod(out, 04755));
	close(out);
	close(in);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(directory));
	assert_ok(chmod(directory, 0755));
	snprintf(program, sizeof(program), "%s/program", directory);
	snprintf(logged, sizeof(logged), "%s/log", directory);
	copy_self();
	return group_setup(state);
}

static int teardown(void **state)
{
	(void)state;
	unlink(program);
	unlink(logged);
	rmdir(directory);
	return 0;
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {CASE(trust), CASE(policy), CASE(log_file),
					   CASE(nothing_left)};

	if (argc > 1)
		return acting(argv + 1);
	return cmocka_run_group_tests_name("privileged", tests, setup, teardown);
}
