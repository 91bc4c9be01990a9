/* SPDX-License-Identifier: MIT */
/* The keys that a peer's may be: SHA-256 of SubjectPublicKeyInfo (RFC 7469, 2.4). */
#ifndef PINS_H
#define PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PIN_SIZE = 32 };

/*
 * Reads pins: 32 bytes as they are; or text, with or without its NUL: 64 hexadecimal digits,
 * or "sha256//" and base64, or several with semicolons between. They are malloc'd, one
 * behind the other. Returns how many there are, -EINVAL, -ENOMEM.
 */
int pins_read(const void *value, size_t len, uint8_t **out);

/* True if the pin is among those of so many bytes. */
bool pins_have(const uint8_t *pins, size_t len, const uint8_t pin[PIN_SIZE]);

#endif /* PINS_H */
