/* SPDX-License-Identifier: MIT */
/* earlypair.h - sessions over memory whose client sends early data. */
#ifndef TEST_EARLYPAIR_H
#define TEST_EARLYPAIR_H

#include "pair.h"

enum { EARLYPAIR_MOST = 40000 };

/* What is sent. */
extern uint8_t earlypair_text[EARLYPAIR_MOST + 1];

/* No client has a session. */
void earlypair_fresh(void);

/* Ends that may have so much early data; 0: were told nothing. The client shows its session. */
void earlypair_open(struct pair *p, int version, int64_t client, int64_t server);
void earlypair_open_ends(struct pair *p, const struct end_options *client,
			 const struct end_options *server);

/* The handshake, that of both works. */
void earlypair_finish(struct pair *p);

/* A byte from the server; tickets come before it. */
void earlypair_get_tickets(struct pair *p);

/* A connection by which the client gets a session, its only one. */
void earlypair_visit(int version, int64_t client, int64_t server);
void earlypair_visit_ends(const struct end_options *client, const struct end_options *server);

/* The server has this, and nothing else. */
void earlypair_got(struct pair *p, size_t n);

/* Both say that so much was accepted. */
void earlypair_accepted(struct pair *p, size_t n);

#endif /* TEST_EARLYPAIR_H */
