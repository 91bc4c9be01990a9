/* SPDX-License-Identifier: MIT */
/*
 * stream.h - bytes that both ends can compute: what byte stands at an offset
 * depends on the offset alone, so loss, repetition and disorder all show.
 */
#ifndef TEST_STREAM_H
#define TEST_STREAM_H

#include <stddef.h>
#include <stdint.h>

#define STREAM_DIGEST_START 0xcbf29ce484222325u

/* Fill buf with the n bytes of the stream from offset on. */
void stream_fill(uint64_t offset, void *buf, size_t n);

/* Returns the index of the first byte of buf that is not the stream's at offset, n if none. */
size_t stream_mismatch(uint64_t offset, const void *buf, size_t n);

/* Returns the FNV-1a digest of n bytes more, digest being that of the bytes before. */
uint64_t stream_digest(uint64_t digest, const void *buf, size_t n);

/* Returns the digest of the stream's first n bytes. */
uint64_t stream_digest_of(uint64_t n);

#endif /* TEST_STREAM_H */
