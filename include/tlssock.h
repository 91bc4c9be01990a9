/* SPDX-License-Identifier: MIT */
/*
 * tlssock.h - TLS as a property of a socket.
 *
 * A program asks for TLS where it asks for the socket,
 *
 *	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TLS);
 *
 * and goes on with connect, accept, send, recv and close. This header has the
 * numbers; the calls are libc's own, which libtlssock.so stands in front of.
 * Without the library these protocol numbers are refused by the kernel, so a
 * program never gets a plaintext socket where it asked for TLS.
 *
 * Names and numbers come from BYU's Secure Socket API (IPPROTO_TLS and options
 * from 85 to 122) and from Zephyr's secure sockets (the other protocol numbers,
 * options below 85, credential tags).
 */
#ifndef TLSSOCK_H
#define TLSSOCK_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Protocols: the third argument of socket(). The Zephyr names give a minimum;
 * the library never goes below TLS 1.2 (RFC 8996).
 */
#define IPPROTO_TLS	205 /* the newest version that both ends have */
#define IPPROTO_TLS_1_0 252 /* at least 1.0: in effect 1.2 */
#define IPPROTO_TLS_1_1 257 /* at least 1.1: in effect 1.2 */
#define IPPROTO_TLS_1_2 258 /* at least 1.2 */
#define IPPROTO_TLS_1_3 259 /* at least 1.3 */

/*
 * Levels: the second argument of getsockopt() and setsockopt(). Every option
 * below is accepted at both IPPROTO_TLS and SOL_TLS.
 */
#ifndef SOL_TLS
#define SOL_TLS 282
#endif

/*
 * An address family for names: connect() resolves sh_addr.name and tries each
 * of its addresses. Any address length that holds the name is accepted. The
 * socket underneath is an AF_INET6 one, so getpeername() shows an IPv4 peer as
 * a v4-mapped address.
 */
#define AF_HOSTNAME 43

struct host_addr {
	unsigned char name[255]; /* NUL-terminated unless it fills the array */
};

/* The members that begin with sin are SSA's names of the same. */
struct sockaddr_host {
	union {
		sa_family_t sh_family; /* AF_HOSTNAME */
		sa_family_t sin_family;
	};
	union {
		in_port_t sh_port; /* network byte order */
		in_port_t sin_port;
	};
	union {
		struct host_addr sh_addr; /* the name, or a literal address */
		struct host_addr sin_addr;
	};
};

/*
 * A connected TCP socket becomes a TLS socket (as STARTTLS wants it) by
 *
 *	setsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &(int){IPPROTO_TLS}, sizeof(int));
 *
 * Options can be set after it; the handshake runs in the first call that needs it, or by
 * TLS_HANDSHAKE. The end is a server where somebody listens at the socket's own port, else
 * a client; TLS_ROLE says otherwise. A listening socket accepts TLS connections from then
 * on. Other numbers of the same socket go with it. EPROTOTYPE not a TCP socket, ENOTCONN
 * still connecting.
 *
 * With IPPROTO_TCP it becomes a TCP socket again: our close_notify is sent, without a FIN,
 * and the peer's is waited for, as recv waits. EAGAIN: call again when there is what
 * TLS_WANT says. EBUSY: receive the data that came before, until recv returns 0, and call
 * again; or flush a stdio stream's output; or another thread is in a call. ECONNRESET no
 * close_notify before the peer's FIN, EPIPE the socket was shut down, EOPNOTSUPP it was
 * never a TCP socket, EBADFD another process has the session.
 *
 * TCP_UPGRADE_TLS, at level IPPROTO_TCP, is SSA's form of it: a client that is given the
 * server's name, or with length 0 a server. Its number is not SSA's 33, which is
 * TCP_FASTOPEN_KEY in Linux.
 */
#define TCP_UPGRADE_TLS 1033

#include <tlssock_options.h>

/*
 * What TLS_INFO gives. Fields are only ever added at the end: ask with your
 * sizeof, and look at *optlen for how much this library knew.
 */
struct tls_info {
	uint32_t version;     /* TLS_1_2, TLS_1_3 */
	uint32_t cipher;      /* cipher suite, IANA id */
	char cipher_name[64]; /* the same, IANA name */
	char group[32];	      /* key exchange group */
	char signature[32];   /* signature algorithm of the server */
	uint8_t resumed;      /* 1: an earlier session was resumed */
	uint8_t verified;     /* 1: the peer's chain and name were verified */
	uint8_t early_data;   /* 1: 0-RTT data was accepted */
	uint8_t kernel;	      /* 1: the kernel seals and opens records */
	uint32_t reserved;    /* 0 */
	uint64_t bytes_in;    /* application bytes received */
	uint64_t bytes_out;   /* application bytes sent */
	uint64_t records_in;  /* records opened */
	uint64_t records_out; /* records sealed */
};

/*
 * What TLS_CERT_VERIFY_CALLBACK sets, as Zephyr declares it. cb is an
 *
 *	int (*)(void *ctx, struct tls_cert *cert, int depth, uint32_t *flags)
 *
 * which is called when the library has verified the chain that the peer showed, for each
 * certificate of it down to the leaf, whose depth is 0; *flags are the reasons against this
 * one, as TLS_CERT_VERIFY_RESULT has them. It may take some away, or add some: what is left
 * of all of them is the result, and refuses the peer where TLS_PEER_VERIFY_REQUIRED holds.
 * What it returns is 0, or refuses the peer in any case. It is not called with
 * TLS_PEER_VERIFY_NONE, and takes nothing away that the administrator's policy demands.
 *
 * It is called in the thread that drives the handshake, with no lock held and signals as they
 * are in the program; it may wait, and use other sockets, but not this one (EALREADY).
 */
struct tls_cert_verify_cb {
	void *cb;
	void *ctx; /* the callback's first argument; the program's */
};

/*
 * A certificate, for the time of the call. It begins as mbedTLS's mbedtls_x509_crt does, and
 * where that has more there is nothing but zeros.
 */
struct tls_cert {
	int own_buffer; /* 0 */
	struct {
		int tag; /* of the sequence: 0x30 */
		size_t len;
		unsigned char *p; /* DER */
	} raw;
};

/* Credentials by tag: Zephyr's interface. */
typedef int sec_tag_t;

enum tls_credential_type {
	TLS_CREDENTIAL_NONE = 0,
	TLS_CREDENTIAL_CA_CERTIFICATE = 1,
	TLS_CREDENTIAL_PUBLIC_CERTIFICATE = 2,
	TLS_CREDENTIAL_SERVER_CERTIFICATE = TLS_CREDENTIAL_PUBLIC_CERTIFICATE,
	TLS_CREDENTIAL_PRIVATE_KEY = 3,
	TLS_CREDENTIAL_PSK = 4,
	TLS_CREDENTIAL_PSK_ID = 5
};

/*
 * Register a credential under a tag, for TLS_SEC_TAG_LIST. Certificates and
 * keys are PEM or DER; cred is copied (Zephyr keeps the pointer) and can be
 * freed. credlen is in bytes; a NUL at the end of PEM text may be counted.
 *
 * Returns 0, -EEXIST when the tag has one of this type, -EINVAL for an unknown
 * type or no data, -ENOMEM. What the bytes are is checked when a socket is
 * given the tag.
 */
int tls_credential_add(sec_tag_t tag, enum tls_credential_type type, const void *cred,
		       size_t credlen);

/*
 * Copy a credential to cred. *credlen is the size of the buffer before, and of
 * the credential after, in bytes.
 *
 * Returns 0, -ENOENT (*credlen then 0), -EFBIG when the buffer is too small
 * (*credlen is then the size needed), -EACCES for a private key or PSK in a
 * process that may not read it back: never by this library.
 */
int tls_credential_get(sec_tag_t tag, enum tls_credential_type type, void *cred, size_t *credlen);

/*
 * Remove a credential. Sockets that were given the tag keep their copy.
 *
 * Returns 0, or -ENOENT.
 */
int tls_credential_delete(sec_tag_t tag, enum tls_credential_type type);

/*
 * Does what TLS_RELOAD does for all sockets of the process, clients' ones too. Not to be
 * called from a signal handler.
 *
 * Returns 0, or the first error as a negative errno; the rest is read again all the same.
 * What cannot be used stays as it was, and the log says why.
 */
int tlssock_reload(void);

/*
 * Returns the library's version, "MAJOR.MINOR.PATCH", static storage.
 */
const char *tlssock_version(void);

#ifdef __cplusplus
}
#endif

#endif /* TLSSOCK_H */
