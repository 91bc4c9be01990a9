/* SPDX-License-Identifier: MIT */
#include "call.h"

#include "connection.h"
#include "libc.h"
#include "log.h"
#include "owner.h"
#include "sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>

enum { MAX_ERRNO = 4095 };

void fuzz_require(bool holds)
{
	if (!holds)
		abort();
}

void fuzz_start(void)
{
	static bool started;

	if (started)
		return;
	started = true;
	libc_bind();
	log_init("off");
	fuzz_require(owner_process_init() == 0);
}

int fuzz_socket(int protocol)
{
	int fd = sockets_socket(AF_INET, SOCK_STREAM, protocol);

	fuzz_require(fd >= 0);
	return fd;
}

void fuzz_close(int fd)
{
	fuzz_require(sockets_close(fd) == 0);
}

int fuzz_set(int fd, int name, const void *value, size_t len)
{
	int r = sockets_setsockopt(fdtable_get(fd), fd, IPPROTO_TLS, name, value, (socklen_t)len);

	fuzz_require(r <= 0 && r >= -MAX_ERRNO);
	return r;
}

int fuzz_get(int fd, int name, void *value, socklen_t *len)
{
	socklen_t room = *len;
	int r = sockets_getsockopt(fdtable_get(fd), fd, SOL_TLS, name, value, len);

	fuzz_require(r <= 0 && r >= -MAX_ERRNO);
	fuzz_require(r != 0 || *len <= room);
	fuzz_require(r != -ERANGE || *len > room);
	return r;
}

void fuzz_prepare(int fd)
{
	struct entry *entry = fdtable_get(fd);
	const struct connection *c = entry->object;

	for (int server = 0; server < 2; server++) {
		struct credentials *credentials = NULL;
		struct engine *engine = NULL;
		char reason[768] = "";
		int r = settings_credentials(connection_settings(c), server, &credentials, reason,
					     sizeof(reason));

		if (r == 0)
			r = engine_new(&engine, connection_settings(c), credentials, server,
				       server ? NULL : "localhost", reason, sizeof(reason));
		fuzz_require(r == 0 ? engine != NULL : engine == NULL);
		fuzz_require(r == 0 || r == -ENOMEM || strlen(reason) > 0);
		if (r == 0)
			engine_handshake(engine);
		engine_free(engine);
		credentials_put(credentials);
	}
	fdtable_put(entry);
}

uint8_t fuzz_byte(struct fuzz_input *in)
{
	if (in->len == 0)
		return 0;
	in->len--;
	return *in->data++;
}

uint8_t *fuzz_bytes(struct fuzz_input *in, size_t *len)
{
	uint8_t *bytes;

	if (*len > in->len)
		*len = in->len;
	bytes = malloc(*len);
	fuzz_require(bytes || *len == 0);
	if (*len)
		memcpy(bytes, in->data, *len);
	in->data += *len;
	in->len -= *len;
	return bytes;
}
