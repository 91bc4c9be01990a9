/* SPDX-License-Identifier: MIT */
/* The inside of struct engine, for the files that make it up. */
#ifndef ENGINESESSION_H
#define ENGINESESSION_H

#include "engine.h"
#include "libgnutls.h"
#include "priority.h"
#include "revocation.h"
#include "sessioncache.h"

struct engine {
	gnutls_session_t session;
	gnutls_psk_server_credentials_t psk_server; /* NULL without pre-shared keys */
	gnutls_psk_client_credentials_t psk_client;
	struct settings *settings;
	struct credentials *credentials;
	struct priority *priority;
	char *name; /* what a client verifies */
	bool server;
	bool verified;
	bool psk_unknown;  /* the client's identity has no key here */
	bool judged;	   /* the peer showed a certificate, and verify_result says of it what */
	bool asked;	   /* for a certificate, after the handshake */
	bool auth;	   /* and the answer has not come yet */
	bool update_asked; /* of the peer, a new key */
	bool heard;	   /* data, since when it had tickets to send: those go first */
	bool can_be_asked; /* a server's client, as far as its hello is known */
	bool pinned;	   /* its key is one of those that were told */
	uint32_t verify_result;
	int chain_alert;	     /* what the chain would be refused with */
	struct judgement *judgement; /* NULL: the program is not asked */
	bool no_memory;		     /* a record could not be queued, or the session not made */
	bool closed, peer_closed;    /* close_notify was sealed; opened */
	int verdict_alert;	     /* not 0: the peer was refused, and with which alert */
	char *reason;
	char *authorities; /* those of which the server wants a certificate; NULL: it asks for none
			    */
	struct revocation *revocation;

	const uint8_t *input; /* engine_feed's */
	size_t input_len;
	size_t input_used;

	void (*on_output)(void *arg); /* engine_on_output's */
	void *on_output_arg;
	struct buffer output;	/* sealed */
	struct buffer plain;	/* opened, older than the packet */
	gnutls_packet_t packet; /* opened last, NULL: none */
	const uint8_t *packet_data;
	size_t packet_len;
	size_t overhead;

	/* See engineresume.h. */
	uint8_t digest[SESSION_DIGEST]; /* under which a client's sessions are kept */
	bool has_digest;
	bool has_ticket_key;
	bool ticket_came;
	uint32_t ticket_lifetime_s;
	bool offered; /* a client has shown an earlier session, and of what kind */
	bool offered_verified;
	int64_t offered_expires_s;
	unsigned int purges; /* when it began; see sessioncache.h */
	bool retried;	     /* there was a HelloRetryRequest */
	bool begun;	     /* the handshake */
	bool done;
	bool cipher_change_due;	  /* a client's, to be sent with what follows */
	unsigned int tickets_due; /* a server's, to be sent with the first data */

	/* See engineearly.h. */
	struct session early_session; /* what a client shows, while early data may come */
	size_t early_room;	      /* how much */
	unsigned int early_alpn;      /* for which protocol, as a session has it */
	struct buffer early;	      /* sent, and not known to be accepted */
	size_t early_bytes;	      /* accepted */

	uint64_t bytes_in, bytes_out, records_in, records_out;
};

/* The cipher suite in use, IANA's number. */
uint32_t engine_suite(const struct engine *e);

/* A server's chains for the name that the client asks for. 0 or GnuTLS's error. */
int engine_choose_identity(struct engine *e);

/* For GnuTLS: the peer has shown its certificate. 0, GNUTLS_E_AGAIN, or why it is refused. */
int engine_on_certificate(gnutls_session_t session);

/* For GnuTLS: a server's CertificateRequest has come. */
int engine_on_request(gnutls_session_t session, unsigned int type, unsigned int when,
		      unsigned int incoming, const gnutls_datum_t *message);

/* True if the peer is verified and pinned as far as the settings demand it. */
bool engine_has_peer(struct engine *e);

/*
 * What a server's session needs to know of its client's first bytes, which were fed. Returns
 * 0 or -ENOMEM.
 */
int engine_meet_client(struct engine *e);

/*
 * A client's authentication goes on with what came. Returns 1 where that is application data,
 * -EAGAIN, or why it ended the session.
 */
int engine_auth_step(struct engine *e);

/* A server asked for it. Returns -EAGAIN, the answer being sealed, or what went wrong. */
int engine_answer_auth(struct engine *e);

/* Says what went wrong, also to the peer, and turns GnuTLS's result into an errno. */
int engine_fail(struct engine *e, int result);

/* Keeps a sentence for engine_reason(). */
void engine_explain(struct engine *e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* The same of a peer's alert, in the clear or not; doubt is said at its end, or "". */
void engine_explain_alert(struct engine *e, int alert, bool clear, const char *doubt);

/*
 * Makes the session, in place of one that has not begun. reason, which says already that
 * memory is short, gets another sentence where it is something else.
 */
int engine_begin(struct engine *e, char *reason, size_t size);

#endif /* ENGINESESSION_H */
