/* SPDX-License-Identifier: MIT */
/*
 * One TLS session over memory. It is fed whole records and leaves sealed ones in
 * a queue; it knows no descriptor and never waits. Not safe for two threads at
 * once: the caller has the lock.
 *
 * Functions return 0 or a count, or a negative errno: -EAGAIN for more input.
 * After any other error the session is dead and engine_reason() says why.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include "buffer.h"
#include "credentials.h"
#include "judgement.h"
#include "revocation.h"
#include "settings.h"

#include <stdbool.h>
#include <sys/types.h>
#include <tlssock.h>

/* TLS 1.2's greatest record: header, 2^14 bytes, 2,048 more (RFC 5246, 6.2.3). */
enum { ENGINE_MAX_RECORD = 5 + 16384 + 2048, ENGINE_MAX_PLAIN = 16384, ENGINE_HEADER = 5 };

/* So many protocols, with names of so many bytes, does GnuTLS have room for (TLS_ALPN). */
enum { ENGINE_ALPN_MOST = 8, ENGINE_ALPN_NAME = 31 };

struct engine;

/*
 * Makes a session. name is what a client asks for and verifies, NULL for neither.
 * References to the settings and credentials are taken. The reason is left as it is where
 * the errno value says all.
 */
int engine_new(struct engine **out, struct settings *settings, struct credentials *credentials,
	       bool server, const char *name, char *reason, size_t size);
void engine_free(struct engine *e);

/*
 * How long the record is that the bytes start with; 0 while it is not whole. For
 * bytes that start no record: all of them, for the session to refuse.
 */
size_t engine_record_length(const uint8_t *data, size_t len);

/*
 * The input of the next call, and how much of it that call took. The memory is
 * the caller's and is not used after the call.
 */
void engine_feed(struct engine *e, const uint8_t *data, size_t len);
size_t engine_fed(const struct engine *e);

/* The queue of sealed records. The caller takes from its head. */
struct buffer *engine_output(struct engine *e);

/*
 * During the next calls fn(arg) is called whenever something was queued; NULL: not.
 * A server's ServerHello then leaves while the rest of its flight is computed, and a
 * client's Finished while the keys of what follows are.
 */
void engine_on_output(struct engine *e, void (*fn)(void *arg), void *arg);

/*
 * A client may resume an earlier session with the name that it verifies and this port;
 * the address counts where it has no name.
 */
void engine_offer_session(struct engine *e, const char *address, unsigned int port);

/*
 * False where a handshake could do nothing with these bytes: half a record, or the
 * ChangeCipherSpec that clients of TLS 1.3 send for middleboxes, often ahead of their
 * Finished (RFC 8446, D.4).
 */
bool engine_can_go_on(const struct engine *e, const uint8_t *data, size_t len);

/*
 * How many bytes a client may send with its ClientHello; 0 once that was made. Sending them,
 * all at once, keeps a copy while it is not known whether the server takes them; if it does
 * not they go first when the handshake is done. Returns 1, or 0 where there is no such
 * session any more and nothing was sent.
 */
size_t engine_early_room(const struct engine *e);
int engine_send_early(struct engine *e, const void *data, size_t n);
bool engine_early_waits(const struct engine *e);

/* How many bytes of early data the server has accepted; they are a server's first plaintext. */
size_t engine_early(const struct engine *e);

/* Goes on with the handshake. Returns 0 when it is done. */
int engine_handshake(struct engine *e);

/*
 * What must be asked before the handshake goes on after -EAGAIN, whatever the peer sends;
 * false: nothing. The answer as revocation_answer().
 */
bool engine_question(const struct engine *e, struct revocation_question *out);
void engine_answer(struct engine *e, const void *response, size_t len, const char *why);

/*
 * Opens a record. Returns how many bytes of plaintext it held, which come behind
 * those that wait already; 0 after the peer's close_notify.
 */
ssize_t engine_open(struct engine *e);

/* How many bytes of plaintext wait to be read. */
size_t engine_pending(const struct engine *e);

/* A later call is to read them: until then they are kept in less memory. */
void engine_keep(struct engine *e);

/* Takes (or only copies) up to n waiting bytes; buf NULL drops them. Returns how many. */
size_t engine_read(struct engine *e, void *buf, size_t n);
size_t engine_peek(const struct engine *e, size_t skip, void *buf, size_t n);

/* Seals one record of at most ENGINE_MAX_PLAIN bytes. Returns how many it took. */
ssize_t engine_seal(struct engine *e, const void *buf, size_t n);

/* How many bytes a record has more than its plaintext. */
size_t engine_overhead(const struct engine *e);

/*
 * Seals a KeyUpdate: what is sealed from now on has a new key; ask: the peer is to do the
 * same (RFC 8446, 4.6.3). -EOPNOTSUPP in TLS 1.2.
 */
int engine_update_key(struct engine *e, bool ask);

/*
 * A server asks for the client's certificate, and a record that is opened later has it.
 * -EOPNOTSUPP in TLS 1.2, of clients, and where the client did not announce that it would
 * answer; -EALREADY while an answer is awaited.
 */
int engine_request_auth(struct engine *e);
bool engine_awaits_auth(const struct engine *e);

/*
 * False where the peer may still send what its program does not know of: a server its
 * tickets, until data has come behind them; an answer to what was asked of it.
 */
bool engine_settled(const struct engine *e);

/* Seals a close_notify, the last record. Returns 0 or a negative errno. */
int engine_close(struct engine *e);

/* Both ends have said it: what follows in the streams is no TLS. */
bool engine_ended(const struct engine *e);

/* True if the session died because verification refused the peer. */
bool engine_refused_peer(const struct engine *e);

/*
 * What TLS_CERT_VERIFY_CALLBACK is to be asked: the handshake goes on, past -EAGAIN, when
 * that is done. NULL: nothing, or it is.
 */
struct judgement *engine_judgement(const struct engine *e);

/* True if the peer showed a certificate; and TLS_CERT_VERIFY_RESULT, without one too. */
bool engine_was_judged(const struct engine *e);
uint32_t engine_verify_result(const struct engine *e);

/* A sentence on the last failure; "" without one. */
const char *engine_reason(const struct engine *e);

/* True if the handshake has resumed an earlier session. */
bool engine_resumed(const struct engine *e);

/* Facts, after the handshake. Texts are malloc'd; -ENOTCONN where there is none. */
void engine_info(const struct engine *e, struct tls_info *info);
int engine_text(struct engine *e, int option, char **text);

/*
 * The peer's leaf, DER; a channel binding by its registered name (RFC 5929, RFC 9266).
 * *data is malloc'd. -ENOTCONN where the peer showed none, -EOPNOTSUPP where the version
 * of TLS has no such binding.
 */
int engine_peer_certificate(struct engine *e, void **data, size_t *len);
int engine_channel_binding(struct engine *e, const char *type, void **data, size_t *len);

/* Keying material (RFC 5705; RFC 8446, 7.5) for a label and, behind its NUL, a context. */
int engine_export(struct engine *e, const char *told, size_t told_len, void *out, size_t n);

#endif /* ENGINE_H */
