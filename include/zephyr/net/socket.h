/* SPDX-License-Identifier: MIT */
/* The header in which Zephyr declares its sockets. */
#ifndef ZEPHYR_INCLUDE_NET_SOCKET_H_
#define ZEPHYR_INCLUDE_NET_SOCKET_H_

#include <tlssock.h>

#endif /* ZEPHYR_INCLUDE_NET_SOCKET_H_ */
