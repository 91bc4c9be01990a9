/* SPDX-License-Identifier: MIT */
/*
 * What the cases are called in the report.
 */
#ifndef BENCH_CASES_H
#define BENCH_CASES_H

#define BULK_LABEL(write, read) "bulk, " write "-byte writes, " read "-byte reads"
#define BULK_MANY_LABEL(write, read)                                                               \
	"bulk, 50 connections, " write "-byte writes, " read "-byte reads"
#define BULK_CIPHER_LABEL(cipher) "bulk, " cipher ", 16384-byte writes"
#define PINGPONG_LABEL		  "ping-pong, 64 bytes"
#define HANDSHAKES_LABEL(key)	  "full handshakes, one after another, " key
#define RESUMED_LABEL(key)	  "resumed handshakes, one after another, " key
#define REQUESTS_LABEL(n, size)	  "requests of 100 bytes, " n " connections, " size "-byte answers"
#define CROWD_LABEL		  "a crowd: 5,000 connections, 50 busy, 1,000 slow clients beside them"
#define IDLE_LABEL		  "memory of an idle connection"
#define PLAIN_LABEL(call)	  call " on a plain descriptor, library preloaded"

/* The rows of bulk that are no contenders. */
#define FLOOR_AEAD "AEAD alone"
#define FLOOR	   "floor: TCP and AEAD"

/* The rows of the last that stand in place of contenders. */
#define PLAIN_WITHOUT	      "without it"
#define PLAIN_WITH	      "with it"
#define PLAIN_BESIDE_TLS      "with a TLS socket"
#define PLAIN_MORE	      "more, with it"
#define PLAIN_MORE_BESIDE_TLS "more, with a TLS socket"
#define PLAIN_NOISE	      "more, without it again"

#endif /* BENCH_CASES_H */
