/* SPDX-License-Identifier: MIT */
/*
 * A TLS socket: the session and what it needs of its descriptor. This file has
 * the structure, its lock and how a thread waits; input, output, handshake, send,
 * receive and closing each have a file of their own.
 *
 * One lock a connection. It is held for everything but waiting; under it signals wait,
 * and a thread cannot be cancelled (signals.h).
 * Functions here return 0 or a count, or a negative errno.
 */
#ifndef CONNECTION_H
#define CONNECTION_H

#include "buffer.h"
#include "engine.h"
#include "fdtable.h"
#include "owner.h"
#include "settings.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum connection_state {
	STATE_NEW, /* made, or bound */
	STATE_LISTENING,
	STATE_CONNECTING, /* TCP is on its way, nobody waits for it */
	STATE_HANDSHAKE,
	STATE_OPEN,
	STATE_FAILED, /* error says with what; the socket is shut down */
};

struct connection {
	pthread_mutex_t lock;
	struct entry *entry;
	unsigned long id;		/* TLS_ID */
	unsigned long context;		/* TLS_CONTEXT; 0: its own */
	uint64_t cookie;		/* the kernel's name of the socket; 0: not known */
	struct settings *settings;	/* what the program told */
	struct settings *effective;	/* with the policy's part; NULL: no policy, or none yet */
	struct policy_set sections;	/* of the policy, that hold then */
	struct credential_source *kept; /* a listener's */
	struct engine *engine;		/* NULL before the handshake, and for listeners */
	struct owner owner;
	enum connection_state state;
	bool server;
	bool read_closed;	 /* the peer's close_notify was read */
	bool read_shut;		 /* the program's SHUT_RD */
	bool peer_shut;		 /* a wait has seen that the peer sends no more */
	bool write_closed;	 /* close_notify was sent */
	size_t notify_bytes;	 /* of how many */
	bool write_shut;	 /* the program's SHUT_WR: FIN follows it */
	bool truncated;		 /* the end came without close_notify */
	bool closing;		 /* close is waiting for the waiters to leave */
	bool calling;		 /* a thread is in the connect call itself */
	bool hungry;		 /* the handshake goes on with what the peer says next */
	bool hurried;		 /* TCP_NODELAY is on for the first data, unseen */
	bool nodelay;		 /* until then: the program has it on */
	bool sent_data;		 /* application data was sent */
	bool was_tcp;		 /* made by an upgrade */
	bool upgraded;		 /* the same, connected: options come before the handshake */
	bool end_kept;		 /* see input_end() */
	atomic_bool plain;	 /* no number names it any more: it is TCP's again */
	bool was_open;		 /* the handshake was done */
	bool told_pollin;	 /* TLS_WANT said so, and no call that it is over; see want.h */
	unsigned int sessions;	 /* how many were dissolved */
	unsigned int shut_early; /* SHUTs of before there was a connection: 1 << how */
	bool shared;		 /* fork may have given others the socket */
	int error;		 /* of STATE_FAILED: a negative errno, kept */
	int so_error;		 /* what no call has told yet, nor SO_ERROR, positive */
	/* See ask.h. */
	struct query *query; /* NULL: nothing is asked */
	int64_t query_end_ms;
	atomic_int asking_fd; /* its descriptor; -1: none */

	char *error_text;
	char *peer;		  /* "host (address:port)", for texts */
	const char **alpn_list;	  /* what TLS_ALPN_LIST gave out */
	int64_t handshake_end_ms; /* monotonic; -1: no limit; by pending_add() alone */
	int64_t auth_end_ms;	  /* when the client must have shown its certificate; -1: none */
	int rcvlowat;		  /* virtual: the kernel's stays 1 */
	int oobinline;		  /* virtual: the kernel's is on */
	int inq;		  /* TCP_INQ, virtual: recvmsg says what is left */
	int defer_accept;	  /* TCP_DEFER_ACCEPT as the program has set it */

	/* See input.h. */
	struct buffer in;
	size_t in_kernel;
	bool in_drained;
	bool in_eof;
	unsigned int in_fills; /* how often something came */
	unsigned int in_vain;  /* the same, since data came of it or a call began */

	/* See output.h. */
	struct buffer out;
	atomic_uint flushers; /* threads that wait for room to send it */
	bool out_more;	      /* what waits may wait for more in the kernel, too: MSG_MORE */
	int out_error;	      /* the stream is broken: negative, and stays */
	size_t send_room;     /* what the kernel takes for certain, less what was sent since */
	size_t room_seen;     /* what that was when the kernel was asked */
	unsigned int room_skipped;
	int owed; /* -1, or the byte that is sealed but was not reported */

	/* See drain.h. */
	bool heard;	    /* the program has received, or tried to */
	size_t unlooked;    /* sent since the input was looked at */
	unsigned int sends; /* as long as nothing was heard */

	uint64_t exec_goal; /* how much the peer is to have acknowledged before exec */

	/* Threads that wait without the lock. */
	unsigned int waiters;
	pthread_cond_t left;

	_Atomic(struct watch *) watches; /* see watch.h; its lock, but to look if there are any */

	/* Among the pending handshakes; see pending.h. */
	struct connection *next_pending, *prev_pending;
	int pending_fd;
	bool pending_endless;
	atomic_int pending_events;
	atomic_bool held_back; /* it has not begun: the program's first send may go with it */
	atomic_int driving;    /* threads that wait in it */
};

/* What holds for it. */
static inline struct settings *connection_settings(const struct connection *c)
{
	return c->effective ? c->effective : c->settings;
}

/* Returns a connection in STATE_NEW, taking over the settings' reference, or NULL. */
struct connection *connection_new(struct settings *settings);

/* For fdtable_new(). */
void connection_free(void *connection);

/*
 * 0, or -EAGAIN when this very thread has it already: a signal handler of which we do not
 * know, installed by a system call that nobody saw.
 */
int connection_lock(struct connection *c);

/* The same for a call with this number, which must still name the connection: -EBADF. */
int connection_enter(struct connection *c, int fd);
int connection_trylock(struct connection *c);
void connection_unlock(struct connection *c);

/*
 * Runs op(arg) without the lock: the only place where a thread waits, is cancelled, or
 * jumps away from in a signal handler (siglongjmp). One that leaves so calls undo(arg), if
 * that is not NULL, and drops the reference that its call holds on the entry. fd is the
 * number that the caller was called with.
 *
 * Returns what op did, or -EINTR if the socket was closed meanwhile, -EBADF if the
 * number names another one now, -EPIPE if the connection was dissolved, -EBADFD if
 * another process has the session.
 */
int connection_wait(struct connection *c, int fd, int (*op)(void *arg), void (*undo)(void *arg),
		    void *arg);

/*
 * The same for an op that begins in any case, and then says so by *begun: what comes before
 * it has come before the call.
 */
int connection_wait_begun(struct connection *c, int fd, int (*op)(void *arg),
			  void (*undo)(void *arg), void *arg, const bool *begun);

/* Where a call that need not wait can be cancelled all the same, at its beginning. */
void connection_cancel_point(struct connection *c);

/* How many of a connection's waiters are the calling thread, interrupted by a signal. */
unsigned int connection_waiting_here(const struct connection *c);

/*
 * Whether a call goes on after a wait by poll, which itself never does: end_ms as below, since a
 * call with a timeout ends (signal(7)).
 */
bool connection_restarts(const struct connection *c, int result, int64_t end_ms);

/* Waits with poll until the time; -ETIMEDOUT after it. end_ms -1: no limit. */
int connection_poll(struct connection *c, int fd, short events, int64_t end_ms);

/*
 * What such a wait asks for, and what it saw. Who waits for room is to be woken by a close,
 * which cannot shut the direction down that its rest has to go: so by the other one's end,
 * the first time.
 */
short connection_events(const struct connection *c, short events);
void connection_saw(struct connection *c, short revents);

/* True if a call must not wait: by its flags or by the descriptor's. */
bool connection_nonblocking(int fd, int flags);

/* Milliseconds of the monotonic clock, and a duration from now (0: -1, forever). */
int64_t connection_now_ms(void);
int64_t connection_end_ms(unsigned int timeout_ms);

/* What is left until an end, as poll's timeout. */
int connection_left_ms(int64_t end_ms);

/* SO_RCVTIMEO or SO_SNDTIMEO: the end of a call that started then; -1: none. */
int64_t connection_socket_end_since_ms(int fd, int option, int64_t start_ms);

/* The same for a call that starts now. */
int64_t connection_socket_end_ms(int fd, int option);

/*
 * The session is over: error (negative) is what later calls get. step and reason
 * go into TLS_ERROR's text and the log. Returns the error, as this socket's family
 * of protocols has it.
 */
int connection_fail(struct connection *c, int fd, int error, const char *step, const char *reason);

/*
 * A call of the program's returns this: an error that it tells SO_ERROR does not tell
 * again. Returns the result.
 */
ssize_t connection_told(struct connection *c, ssize_t result);

/* What no call has told yet, of ours or of the kernel's, positive; 0: nothing. */
int connection_socket_error(const struct connection *c, int fd);

/* Sets the text and logs, without ending anything. Returns error. */
int connection_explain(struct connection *c, int error, const char *step, const char *reason);

/* Notes who the peer is, for the texts: the name may be NULL. */
void connection_set_peer(struct connection *c, const char *name, const struct sockaddr *sa);

/* What the kernel calls the socket of a number, this time and never again; 0: it is none. */
uint64_t connection_cookie(int fd);

/*
 * True if the number is this socket in the kernel, too: a program may have closed it past
 * us, or a child of vfork in its own table.
 */
bool connection_is(const struct connection *c, int fd);

/* Around fork, which holds the locks of all connections at once. */
void connection_fork_lock(struct connection *c);
void connection_fork_parent(struct connection *c);
void connection_fork_child(struct connection *c);

/*
 * A handshake is under way, TCP's or TLS's, and not in another process since a fork:
 * there the kernel's answers have to do.
 */
bool connection_busy(const struct connection *c);

/* This process may use the session: 0 or -EBADFD. */
int connection_claim(struct connection *c);

#endif /* CONNECTION_H */
