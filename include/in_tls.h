/* SPDX-License-Identifier: MIT */
/* The header that programs of the Secure Socket API include. */
#ifndef IN_TLS_H
#define IN_TLS_H

#include <tlssock.h>

#endif /* IN_TLS_H */
