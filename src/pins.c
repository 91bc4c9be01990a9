/* SPDX-License-Identifier: MIT */
#include "pins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *found = c ? strchr(digits, c) : NULL;
	int n = found ? (int)(found - digits) : -1;

	return n > 15 ? n - 6 : n;
}

static int read_hex(const char *text, size_t len, uint8_t *pin)
{
	if (len != 2 * PIN_SIZE)
		return -EINVAL;
	for (size_t i = 0; i < PIN_SIZE; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		pin[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

/* 32 bytes are 43 digits, the last of which has two bits to spare, and one "=". */
static int read_base64(const char *text, size_t len, uint8_t *pin)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	enum { DIGITS = 43 };
	unsigned int bits = 0, have = 0;
	size_t n = 0;

	if (len != DIGITS + 1 || text[DIGITS] != '=')
		return -EINVAL;
	for (size_t i = 0; i < DIGITS; i++) {
		const char *found = text[i] ? strchr(digits, text[i]) : NULL;

		if (!found)
			return -EINVAL;
		bits = (bits << 6 | (unsigned int)(found - digits)) & 0xffff;
		have += 6;
		if (have >= 8) {
			have -= 8;
			pin[n++] = (uint8_t)(bits >> have);
		}
	}
	return bits & 3 ? -EINVAL : 0;
}

static int read_one(const char *text, size_t len, uint8_t *pin)
{
	static const char prefix[] = "sha256//";
	size_t n = strlen(prefix);

	if (len > n && memcmp(text, prefix, n) == 0)
		return read_base64(text + n, len - n, pin);
	return read_hex(text, len, pin);
}

int pins_read(const void *value, size_t len, uint8_t **out)
{
	const char *text = value;
	uint8_t *pins = malloc((len / PIN_SIZE + 1) * PIN_SIZE);
	int n = 0, r = 0;

	if (!pins)
		return -ENOMEM;
	if (len == PIN_SIZE) {
		memcpy(pins, value, PIN_SIZE);
		*out = pins;
		return 1;
	}
	if (len && text[len - 1] == '\0')
		len--;
	/* Each takes more than 32 characters, or is an error. */
	for (size_t at = 0, end; r == 0 && at <= len; at = end + 1) {
		const char *semicolon = memchr(text + at, ';', len - at);

		end = semicolon ? (size_t)(semicolon - text) : len;
		r = read_one(text + at, end - at, pins + (size_t)n * PIN_SIZE);
		n += r == 0;
	}
	if (r < 0)
		free(pins);
	else
		*out = pins;
	return r < 0 ? r : n;
}

bool pins_have(const uint8_t *pins, size_t len, const uint8_t pin[PIN_SIZE])
{
	for (size_t i = 0; i + PIN_SIZE <= len; i += PIN_SIZE)
		if (memcmp(pins + i, pin, PIN_SIZE) == 0)
			return true;
	return false;
}
