/* SPDX-License-Identifier: MIT */
/* The header in which Zephyr declares its credential tags. */
#ifndef ZEPHYR_INCLUDE_NET_TLS_CREDENTIALS_H_
#define ZEPHYR_INCLUDE_NET_TLS_CREDENTIALS_H_

#include <tlssock.h>

#endif /* ZEPHYR_INCLUDE_NET_TLS_CREDENTIALS_H_ */
