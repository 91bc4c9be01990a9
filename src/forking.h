/* SPDX-License-Identifier: MIT */
/* What fork does to the library: see owner.h for the sessions. */
#ifndef FORKING_H
#define FORKING_H

/* Registers the handlers. Returns 0 or a negative errno. */
int forking_init(void);

#endif /* FORKING_H */
