/* SPDX-License-Identifier: MIT */
/*
 * Sockets that were told the same, each by calls of its own, have one copy of it from their
 * connect on.
 */
#ifndef SETTINGSSHARE_H
#define SETTINGSSHARE_H

#include "settings.h"

/*
 * Puts an equal one that others have in the place of *s, whose reference it takes over; else
 * *s may be found from now on, until it is changed or nobody has it.
 */
void settingsshare(struct settings **s);

/* It is not found any more: nobody has it, or its only owner wants to change it. */
void settingsshare_forget(struct settings *s);

/* For fork: nobody is in the middle of the list. */
void settingsshare_lock(void);
void settingsshare_unlock(void);

#endif /* SETTINGSSHARE_H */
