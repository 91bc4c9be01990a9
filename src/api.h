/* SPDX-License-Identifier: MIT */
/* Whether the library has started, and how it ends with _exit. */
#ifndef API_H
#define API_H

#include <stdbool.h>

/* False before the constructor has run, or where it could not do its work. */
bool api_ready(void);

/* Before _exit, in whatever context that is called. */
void api_abrupt_exit(void);

#endif /* API_H */
