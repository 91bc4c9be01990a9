/* SPDX-License-Identifier: MIT */
/* Whether the library has started. */
#ifndef API_H
#define API_H

#include <stdbool.h>

/* False before the constructor has run, or where it could not do its work. */
bool api_ready(void);

#endif /* API_H */
