/* SPDX-License-Identifier: MIT */
/* What the fuzzers of calls share: sockets that speak with nobody, and bytes taken by turns. */
#ifndef FUZZ_CALL_H
#define FUZZ_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void fuzz_require(bool holds);

/* Once, before the first call. Nothing is logged. */
void fuzz_start(void);

int fuzz_socket(int protocol);
void fuzz_close(int fd);

/* Return 0 or a negative errno, and have made sure that it is one. */
int fuzz_set(int fd, int name, const void *value, size_t len);
int fuzz_get(int fd, int name, void *value, socklen_t *len);

/* A session of what the socket was told, for each role, if one can be made. */
void fuzz_prepare(int fd);

struct fuzz_input {
	const uint8_t *data;
	size_t len;
};

/* 0 at the end. */
uint8_t fuzz_byte(struct fuzz_input *in);

/* The next bytes, fewer at the end, in memory of their very size; to be freed. */
uint8_t *fuzz_bytes(struct fuzz_input *in, size_t *len);

#endif /* FUZZ_CALL_H */
