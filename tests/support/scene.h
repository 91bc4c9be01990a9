/* SPDX-License-Identifier: MIT */
/*
 * scene.h - two connections within the process, calls on them, and a storm of signals that
 * comes upon these.
 */
#ifndef TEST_SCENE_H
#define TEST_SCENE_H

#include "net.h"

enum { SCENE_CALLS = 10, SCENE_SENDING = 4, SCENE_BUFFER = 1 << 16 };

extern struct scene {
	struct link link, other;
	int epfd; /* has the first one's client */
	int pipe[2];
} scene;

/* What is sent is made of the letter b; and room to receive. */
extern char scene_block[SCENE_BUFFER], scene_got[SCENE_BUFFER];

/*
 * Calls of many kinds, the first SCENE_SENDING of which move data. None allocates, or
 * leaves something behind if it is left by a jump.
 */
extern void (*const scene_calls[SCENE_CALLS])(void);

void scene_open(int protocol);

/* The same of TCP sockets that have become TLS sockets. */
void scene_open_upgraded(void);
void scene_close(void);

/*
 * All that is under way is received without an error, without a letter e, and then the
 * connection is as new. So is the heap.
 */
void scene_still_usable(void);
void scene_use_heap(void);

/* A handler for a signal. */
void scene_catch(int number, void (*handler)(int number), int flags);

/* SIGALRM, again and again; and no more. */
void scene_storm(void);
void scene_calm(void);

#endif /* TEST_SCENE_H */
