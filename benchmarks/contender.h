/* SPDX-License-Identifier: MIT */
/*
 * A contender is one way to speak over a socket. Each is built into a program
 * of its own together with the same measures, so that none runs with another's
 * library loaded.
 *
 * No function here reports failure: a benchmark that goes on after one would
 * measure something else, so they exit with a message.
 */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum role { ROLE_CLIENT, ROLE_SERVER };

struct setting {
	const char *identity;	    /* directory with ca.pem, cert.pem and key.pem */
	const char *cipher;	    /* IANA name of the suite that every contender uses */
	const char *server_program; /* another contender's, for the server; NULL: the same */
	const char *client_proxies; /* processes, by commas, whose CPU is the client's too */
	const char *server_proxies; /* the same of the server's side */
	unsigned int connect_port;  /* a proxy's; 0: the server's own */
	unsigned int listen_port;   /* where the server is expected; 0: any that is free */
	unsigned int report_to;	    /* in a server_program: the descriptor to say its port to */
	unsigned int write_bytes;   /* in one send */
	unsigned int read_bytes;    /* room given to one receive */
	unsigned int connections;   /* at once */
	unsigned int slow;	    /* clients beside them that hardly speak */
	double seconds;		    /* how long a measure lasts */
	bool resume;		    /* sessions; else each handshake is a full one */
	bool release_buffers;	    /* OpenSSL: SSL_MODE_RELEASE_BUFFERS */
	bool pin;		    /* client and server on a CPU each */
	bool count_calls;	    /* only the server's system calls are of interest */
	pid_t server;		    /* in the client: the other process */
};

/* The name in the certificate, which clients verify. */
#define SERVER_NAME "localhost"

struct link {
	int fd;
	void *session; /* NULL where the descriptor is all there is */
};

struct contender {
	/* Once in each process, after the fork: parses the credentials. */
	void (*setup)(const struct setting *setting, enum role role);
	/* A stream socket; the caller binds or connects it. */
	int (*socket)(enum role role);
	/* The socket is connected: the handshake, where there is a separate one. */
	void (*start)(struct link *link, enum role role);
	/* Sends all of it. */
	void (*send)(struct link *link, const void *data, size_t size);
	/* What one call gives, at least a byte, or 0 at the orderly end. */
	size_t (*receive)(struct link *link, void *data, size_t size);
	/* Says goodbye and frees the session; the caller closes the descriptor. */
	void (*stop)(struct link *link);
	/* Whether the session was resumed; NULL where there are none. */
	bool (*resumed)(const struct link *link);
	/* Cipher suite and key exchange group in use, for the report. */
	void (*describe)(struct link *link, char *text, size_t size);
	/* Name and version of the library in use. */
	void (*version)(char *text, size_t size);
};

/* The one that this program was built with. */
extern const struct contender contender;

/* Writes the path of a file of the identity. */
void identity_path(const struct setting *setting, const char *file, char *path, size_t size);

#endif /* BENCH_CONTENDER_H */
