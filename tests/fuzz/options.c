/* SPDX-License-Identifier: MIT */
/*
 * Whatever options are set and read on two sockets, in whatever order: no value is read or
 * written beyond its size, secrets are not given, and a session can be made or says why not.
 */
#include "call.h"

#include "options.h"
#include "tags.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

enum { SOCKETS = 2, STEPS = 64 };

/* Pointers: of the program, so good ones. */
static int set_alpn_list(int fd, struct fuzz_input *in)
{
	static const char *const some[] = {"h2", "", "http/1.1", NULL, "a,b"};
	size_t n = fuzz_byte(in) % 8;
	const char *list[8];

	for (size_t i = 0; i < n; i++)
		list[i] = some[fuzz_byte(in) % (sizeof(some) / sizeof(some[0]))];
	return fuzz_set(fd, TLS_ALPN_LIST, list, n * sizeof(list[0]));
}

/* A file may be anything, /dev/stdin too. */
static bool is_path(const uint8_t *value, size_t len)
{
	return len && (value[0] == '/' || value[0] == '.');
}

static void set(int fd, int name, struct fuzz_input *in)
{
	size_t len = fuzz_byte(in);
	uint8_t *value;

	if (name == TLS_ALPN_LIST) {
		set_alpn_list(fd, in);
		return;
	}
	value = fuzz_bytes(in, &len);
	if (!is_path(value, len))
		fuzz_set(fd, name, value, len);
	free(value);
}

static void get(int fd, int name, struct fuzz_input *in)
{
	socklen_t len = fuzz_byte(in), room = len;
	uint8_t *value = malloc(len);
	int r = fuzz_get(fd, name, value, &len);

	fuzz_require(r != 0 || (name != TLS_PSK && name != TLS_PRIVATE_KEY));
	/* It says how much it wants, and is then content. */
	if (r == -ERANGE && len > room) {
		free(value);
		value = malloc(len);
		fuzz_require(fuzz_get(fd, name, value, &len) == 0);
	}
	free(value);
}

/* Numbers that are told are read back, or the like of them that holds. */
static void read_back(int fd, int name, struct fuzz_input *in)
{
	int value = (int8_t)fuzz_byte(in), got = 0;
	socklen_t len = sizeof(got);

	if (fuzz_set(fd, name, &value, sizeof(value)) < 0)
		return;
	if (fuzz_get(fd, name, &got, &len) == 0 && len == sizeof(got) &&
	    (name == TLS_PEER_VERIFY || name == TLS_HANDSHAKE_MODE || name == TLS_ROLE))
		fuzz_require(got == value);
}

static void add_tags(void)
{
	tags_add(1, TLS_CREDENTIAL_PSK, "secret", 6);
	tags_add(1, TLS_CREDENTIAL_PSK_ID, "me", 2);
	tags_add(2, TLS_CREDENTIAL_PSK, "half", 4);
	tags_add(3, TLS_CREDENTIAL_CA_CERTIFICATE, "no certificate", 14);
}

static void drop_tags(void)
{
	for (int tag = 1; tag <= 3; tag++)
		for (int type = 1; type <= TLS_CREDENTIAL_PSK_ID; type++)
			tags_delete(tag, type);
}

static void step(const int fds[SOCKETS], struct fuzz_input *in)
{
	uint8_t what = fuzz_byte(in);
	int name = fuzz_byte(in), fd = fds[what % SOCKETS];

	switch (what / SOCKETS % 4) {
	case 0:
		set(fd, name, in);
		break;
	case 1:
		get(fd, name, in);
		break;
	case 2:
		read_back(fd, name, in);
		break;
	default:
		fuzz_set(fd, name, NULL, 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int protocols[] = {IPPROTO_TLS, IPPROTO_TLS_1_2, IPPROTO_TLS_1_3};
	const int none = TLS_PEER_VERIFY_NONE;
	struct fuzz_input in = {data, size};
	int fds[SOCKETS];

	fuzz_start();
	add_tags();
	for (int i = 0; i < SOCKETS; i++)
		fds[i] = fuzz_socket(protocols[fuzz_byte(&in) % 3]);
	for (int i = 0; in.len && i < STEPS; i++)
		step(fds, &in);
	/* Or each session reads the system's store. */
	fuzz_set(fds[0], TLS_PEER_VERIFY, &none, sizeof(none));
	fuzz_prepare(fds[0]);
	for (int i = 0; i < SOCKETS; i++)
		fuzz_close(fds[i]);
	drop_tags();
	return 0;
}
