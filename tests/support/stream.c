/* SPDX-License-Identifier: MIT */
#include "stream.h"

/* splitmix64's output function: every bit of the index reaches every bit of the word. */
static uint64_t word_at(uint64_t index)
{
	uint64_t z = (index + 1) * 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* The byte at an offset; *word is kept between calls for rising offsets. */
static uint8_t next_byte(uint64_t offset, size_t i, uint64_t *word)
{
	uint64_t at = offset + i;

	if (i == 0 || at % 8 == 0)
		*word = word_at(at / 8);
	return (uint8_t)(*word >> (8 * (at % 8)));
}

void stream_fill(uint64_t offset, void *buf, size_t n)
{
	uint8_t *p = buf;
	uint64_t word = 0;

	for (size_t i = 0; i < n; i++)
		p[i] = next_byte(offset, i, &word);
}

size_t stream_mismatch(uint64_t offset, const void *buf, size_t n)
{
	const uint8_t *p = buf;
	uint64_t word = 0;
	size_t i = 0;

	while (i < n && p[i] == next_byte(offset, i, &word))
		i++;
	return i;
}

uint64_t stream_digest(uint64_t digest, const void *buf, size_t n)
{
	const uint8_t *p = buf;

	for (size_t i = 0; i < n; i++)
		digest = (digest ^ p[i]) * 0x100000001b3u;
	return digest;
}

uint64_t stream_digest_of(uint64_t n)
{
	uint64_t digest = STREAM_DIGEST_START;
	uint8_t buf[4096];

	for (uint64_t at = 0; at < n; at += sizeof(buf)) {
		size_t part = n - at < sizeof(buf) ? (size_t)(n - at) : sizeof(buf);

		stream_fill(at, buf, part);
		digest = stream_digest(digest, buf, part);
	}
	return digest;
}
