/* SPDX-License-Identifier: MIT */
/*
 * tlssock_options.h - the options of a TLS socket, for getsockopt() and setsockopt() at
 * level IPPROTO_TLS or SOL_TLS, and their values. tlssock.h includes it; the manual is
 * tlssock-options(7).
 */
#ifndef TLSSOCK_OPTIONS_H
#define TLSSOCK_OPTIONS_H

/*
 * Options. (G) can be read, (S) can be set. Strings are set with or without
 * their NUL and read back with it. Errors, unless an option says otherwise:
 * EINVAL a value of the wrong size or range, ENOPROTOOPT an unknown option or
 * the wrong direction, EISCONN too late in the socket's life, ENOTCONN before
 * there is anything to read, ERANGE a buffer too small (*optlen is then the
 * size needed).
 */

/* (GS) sec_tag_t[]: credentials by tag. ENOENT unknown tag, EINVAL unusable. */
#define TLS_SEC_TAG_LIST 1
/* (S) TLS_HOSTNAME by the number that Zephyr's binaries use. */
#define TLS_HOSTNAME_ZEPHYR 2
/*
 * (GS) int[]: cipher suites by their IANA numbers, best first; only these are agreed on.
 * Read back: the list, or all that may be agreed on. EINVAL a number that is not known or
 * of a suite that is refused; EPROTO none of them fits the versions. GnuTLS offers suites
 * by their parts (key exchange, cipher, hash): where the parts of several make up others
 * and a peer chooses one of those, the handshake fails.
 */
#define TLS_CIPHERSUITE_LIST 3
/* (G) int: the cipher suite in use, its IANA number. */
#define TLS_CIPHERSUITE_USED 4
/* (GS) int: TLS_PEER_VERIFY_*; clients start at REQUIRED, servers at NONE. */
#define TLS_PEER_VERIFY 5
/*
 * (GS) const char *[]: ALPN protocols (RFC 7301) in order of preference, ended
 * by NULL or sized by optlen; the strings are copied. Read back: the pointers,
 * valid until the list is set again or the socket is closed.
 */
#define TLS_ALPN_LIST 7
/*
 * (G) uint32_t: 0 the peer was verified; else why not, as mbedTLS has it
 * (MBEDTLS_X509_BADCERT_*): 0x01 expired, 0x02 revoked, 0x04 another name, 0x08 not trusted
 * (unknown issuer, wrong signature, an authority beyond its limits), 0x40 it showed no
 * certificate, 0x80 it was not verified (TLS_PEER_VERIFY_NONE), 0x100 another reason, 0x200 not
 * valid yet, 0x1000 not for this use, 0x4000 weak signature, 0x10000 weak key. Also read
 * after a handshake that failed; ENOTCONN before there was one.
 */
#define TLS_CERT_VERIFY_RESULT 19
/*
 * (S) struct tls_cert_verify_cb: the program has the last word on the peer's certificates.
 * Length 0, or cb NULL: no more. See there.
 */
#define TLS_CERT_VERIFY_CALLBACK 20
/*
 * (GS) int, 0 to 4: the peer is asked for records of at most 512, 1024, 2048 or 4096
 * bytes (RFC 6066, 4), 0: not.
 */
#define TLS_MAX_FRAGMENT_LENGTH 21

/*
 * Zephyr's options of DTLS: datagrams are not served yet, and until then these are kept and
 * read back, with no effect. (GS) uint32_t, milliseconds, at least 1: how long a flight is
 * waited for the first time, and at most; 1000 and 60000.
 */
#define TLS_DTLS_HANDSHAKE_TIMEOUT_MIN 8
#define TLS_DTLS_HANDSHAKE_TIMEOUT_MAX 9
/* (GS) int, 0 or 1: connect() runs the handshake; 1. */
#define TLS_DTLS_HANDSHAKE_ON_CONNECT 18
/*
 * Zephyr's, accepted and without effect here: (S) int, TLS_CERT_NOCOPY_*, certificates
 * need not be copied; (S) int, TLS comes from the system's own library.
 */
#define TLS_CERT_NOCOPY 10
#define TLS_NATIVE 11
/* Connection identifiers (RFC 9146), which GnuTLS does not have: ENOPROTOOPT. */
#define TLS_DTLS_CID 14
#define TLS_DTLS_CID_STATUS 15
#define TLS_DTLS_CID_VALUE 16
#define TLS_DTLS_PEER_CID_VALUE 17
/*
 * (GS) int, 0 or 1: TLS_SESSION_REUSE by the name and number that Zephyr has. It starts at
 * 1 with IPPROTO_TLS, and at 0 with Zephyr's protocol numbers.
 */
#define TLS_SESSION_CACHE 12
#define TLS_SESSION_CACHE_DISABLED 0
#define TLS_SESSION_CACHE_ENABLED 1
/* (S) anything, or nothing: forgets all sessions that clients of this process could resume. */
#define TLS_SESSION_CACHE_PURGE 13

/*
 * (GS) string: the name to send (SNI, RFC 6066) and to verify. Length 0 or a
 * null pointer: no SNI and no check of the name, only of the chain. On an
 * accepted socket, read: the name that the client asked for.
 */
#define TLS_HOSTNAME	    85
#define TLS_REMOTE_HOSTNAME TLS_HOSTNAME
/* (G) string: the name that the client asked for; ENOTCONN on a client's socket. */
#define TLS_SERVER_NAME 86
/*
 * (S) string: a PEM file, a directory of them, or PEM text: the trust anchors
 * in place of the system's. A listening socket then also asks clients for
 * certificates and requires them, unless TLS_PEER_VERIFY says otherwise.
 * ENOENT, EACCES the file; EINVAL no certificate in it.
 */
#define TLS_TRUSTED_PEER_CERTIFICATES 87
/*
 * (GS) string: a PEM or DER file, PEM text, or a PKCS#11 URL (RFC 7512): the chain,
 * leaf first. Given again, each with its key after it: one chain more. A server chooses by
 * the name that the client asks for, an exact one before a wildcard, and among those by
 * the keys that the client can use; see TLS_UNKNOWN_NAME. Read back: the one set last.
 * Files that change are read again; one that cannot be used then changes nothing. ENOENT,
 * EACCES, EINVAL as above.
 */
#define TLS_CERTIFICATE_CHAIN 88
/*
 * (S) string: a PEM or DER file, PEM text, or a PKCS#11 URL: the key of the chain set
 * last. EPROTO the two do not match; EACCES also: the key is encrypted and
 * TLS_KEY_PASSPHRASE_FILE was not set before it, or does not open it; or the token wants
 * another PIN than the URL (pin-value, pin-source) or that file has. ENOENT also: no token
 * has such a key. EACCES, ENOENT, EINVAL as above; without a chain before it EINVAL.
 */
#define TLS_PRIVATE_KEY 89
/* (GS) string: ALPN as a comma list; read when connected: what was agreed. */
#define TLS_ALPN 90
/*
 * (GS) long, seconds, 0 to 604800: how long a session may be resumed after its full
 * handshake, in which certificates were verified; 3600 unless set. 0: no resumption.
 */
#define TLS_SESSION_TTL 91
/*
 * (S) string: one cipher suite less, or more, than may be agreed on now; by its IANA,
 * OpenSSL or GnuTLS name. EINVAL a name that is not known or of a suite that is refused;
 * EPROTO if none would be left. See TLS_CIPHERSUITE_LIST.
 */
#define TLS_DISABLE_CIPHER 92
#define TLS_ENABLE_CIPHER  110
/* (G) string: the subject of the peer's certificate (RFC 4514). */
#define TLS_PEER_IDENTITY 93
/*
 * (GS) int, 0 or 1: a server asks its clients for a certificate, or not, whatever it trusts;
 * unless TLS_PEER_VERIFY says otherwise they must show one that can be verified. 1 on a
 * server's open connection, in TLS 1.3: it is asked now. The answer comes with what is
 * received later, or TLS_HANDSHAKE waits for it, within TLS_HANDSHAKE_TIMEOUT; data goes on
 * meanwhile, and a certificate that is refused ends the connection. Read there: 1 until then.
 * EOPNOTSUPP in TLS 1.2, on a client's socket, and where the client did not announce that it
 * would answer, as ours do that have a certificate; EALREADY: it was asked before.
 */
#define TLS_REQUEST_PEER_AUTH 94
/* (G) string: the peer's chain, PEM, leaf first. */
#define TLS_PEER_CERTIFICATE_CHAIN 95
/* (G) unsigned long: names this socket among all that the process has or had. */
#define TLS_ID 96
/* (G) string: all cipher suites that may be agreed on, a colon list of IANA names. */
#define TLS_TRUSTED_CIPHERS 97
/* (G) string: name of the cipher suite in use. */
#define TLS_CHOSEN_CIPHER 98
/* (G) string: the last failure: which peer, which step, what was wrong; or "". */
#define TLS_ERROR 100
/*
 * (GS) unsigned long: all that the socket with this TLS_ID was told holds for this one
 * too, in place of what this one was told, but for the protocol; and so each resumes the
 * other's sessions. What one of them is told later is its own. Read: the id it was set
 * to, else its own. EINVAL there is no such socket.
 */
#define TLS_CONTEXT 107
/*
 * (GS) int, 0 or 1: whether sessions are resumed: a client keeps those that it had, for
 * sockets of its process that were told the same and connect to the same name and port;
 * a server gives tickets.
 */
#define TLS_SESSION_REUSE 108
/* (G) int: 1 if an earlier session was resumed. */
#define TLS_RESUMED_SESSION 109
/*
 * (GS) int, TLS_1_0 to TLS_1_3: the oldest and the newest version to agree on. TLS 1.2 is
 * the floor (RFC 8996), and the protocol of socket() another: what is read back holds.
 * EINVAL where no version would be left.
 */
#define TLS_VERSION_MIN 111
#define TLS_VERSION_MAX 112
/*
 * Revocation, all (GS) int. A peer's certificate, and those of its issuers below the trust
 * anchor, are refused where a source tells that they were revoked. The sources, each 0 off or
 * 1 on: what a server staples (1; with it must-staple, RFC 7633, is honoured), a query to the
 * certificate's OCSP responder (0; it takes 5 seconds at most, and half of what is left of
 * TLS_HANDSHAKE_TIMEOUT; no session is resumed then), the lists of TLS_CRL (1), and whether
 * answers to queries of the whole process are used again until they expire (1).
 *
 * TLS_REVOCATION_CHECKS is over all of them: NONE; SOFT, the default: where no source
 * tells, be it that a list has expired or a responder does not answer, the peer is taken,
 * and the log says so; HARD: it is refused. A stapled response that is no use is refused in
 * SOFT, too. EINVAL another value, EISCONN once there is a connection.
 */
#define TLS_REVOCATION_CHECKS 102
#define TLS_OCSP_STAPLED_CHECKS 103
#define TLS_OCSP_CHECKS 104
#define TLS_CRL_CHECKS 105
#define TLS_CACHED_REV_CHECKS 106
/* (G) int: TLS_1_2 or TLS_1_3. */
#define TLS_CHOSEN_VERSION 113

/* (GS) int, 0 or 1 (the default): a server staples the responses of TLS_OCSP_RESPONSE. */
#define TLS_SERVER_OCSP_STAPLING 122

/* (G) struct tls_info, cut to *optlen: facts of the connection. */
#define TLS_INFO 200
/*
 * (GS) string: a GnuTLS priority string (gnutls_priority_init(3)) in place of the system's
 * default; "": that again. What is older than TLS 1.2, and suites without encryption or
 * authentication, stay out whatever it says. EINVAL a string that GnuTLS does not
 * understand, EPROTO one that leaves nothing.
 */
#define TLS_PRIORITY 201
/* (GS) int: TLS_HANDSHAKE_INLINE or TLS_HANDSHAKE_DEFERRED. */
#define TLS_HANDSHAKE_MODE 202
/* (GS) unsigned int, milliseconds: how long a handshake may take; 0: forever. */
#define TLS_HANDSHAKE_TIMEOUT 203
/*
 * (G) int: what an unfinished handshake waits for, POLLIN or POLLOUT, as SSL_get_error says; 0
 * when none is under way. Who was told POLLIN sees it also when poll or its kin have ended it.
 */
#define TLS_WANT 205
/*
 * (S) nothing: runs the handshake, as SSL_do_handshake does. 0 when it is done; EAGAIN
 * where a socket that does not wait would wait (see TLS_WANT); ENOTCONN without a
 * connection; else what ended it. Or the certificate that TLS_REQUEST_PEER_AUTH has asked for
 * is waited for: EBUSY data came before it, which is to be received first.
 */
#define TLS_HANDSHAKE 206
/*
 * (S) int: sends a KeyUpdate (RFC 8446, 4.6.3), so that what is sent from now on has a new
 * key; 1: the peer is to do the same, 0: not. EOPNOTSUPP in TLS 1.2, ENOTCONN without a
 * connection, EPIPE after the end of what is sent, EINVAL another value. A peer may end a
 * connection with too many: GnuTLS, and so this library, takes 8 a second. Nor does it
 * bear being asked while it asks: let one end do it.
 */
#define TLS_KEY_UPDATE 207
/*
 * (GS) bytes: what binds another protocol's authentication to this connection. Set: which,
 * "tls-exporter" (RFC 9266; the default), "tls-server-end-point" or "tls-unique" (RFC
 * 5929). EOPNOTSUPP where this connection has none of that kind, as TLS 1.3 no tls-unique.
 */
#define TLS_CHANNEL_BINDING 208
/*
 * (GS) bytes: keying material (RFC 5705; RFC 8446, 7.5). Set: the label, and behind its
 * NUL the context, if there is to be one. Read: as many bytes as *optlen says. EINVAL
 * before a label was set, or where it is longer than 249 bytes.
 */
#define TLS_EXPORTER 209
/*
 * (S) the SHA-256 of a public key (SubjectPublicKeyInfo) that the peer's certificate may have:
 * 32 bytes, or text: 64 hexadecimal digits, or "sha256//" and base64; or several with
 * semicolons between. Set again: more of them; length 0: none. Another key is refused, in
 * addition to what verification refuses, and without verification too. EINVAL no such thing.
 */
#define TLS_PEER_PIN 210
/* (G) bytes: the peer's certificate, DER. ENOTCONN where it showed none. */
#define TLS_PEER_CERTIFICATE 211
/*
 * (GS) int, 0 or 1: with 1 an end of the connection without the peer's
 * close_notify is an end of file, not ECONNRESET. An attacker can then cut the
 * stream unnoticed; only for protocols that tell their own length. It starts at
 * 0 with IPPROTO_TLS, and at 1 with Zephyr's protocol numbers.
 */
#define TLS_ALLOW_TRUNCATION 212

/*
 * (GS) string: the groups for the key exchange, best first, a list of GnuTLS's names with
 * colons or commas between them: X25519, SECP256R1, FFDHE2048, …; "": the default.
 */
#define TLS_GROUPS 214
/*
 * (S) string: a file of ticket keys, for servers on several machines that resume each
 * other's sessions: 1 to 4 keys of 64 random bytes, the first of which seals tickets while
 * those of all are taken. It is read again when it has changed; what it had before holds
 * for TLS_SESSION_TTL longer. A file that cannot be used then is told in the log, and the
 * keys stay. ENOENT, EACCES it cannot be read, or others than its owner could read it (a
 * group may) or write it; EINVAL its size is wrong; EOPNOTSUPP with TLS_EARLY_DATA.
 */
#define TLS_TICKET_KEY_FILE 219
/*
 * (GS) int, bytes, 0 to 1048576, 0 unless set: early data (0-RTT; RFC 8446, 2.3). On a client
 * with TLS_HANDSHAKE_DEFERRED that resumes a session of TLS 1.3 whose server allows it, what
 * the first send has goes with the ClientHello, up to so many bytes, and send does not wait.
 * What the server refuses is sent again, once, right after the handshake. WHO RECORDS IT CAN
 * SEND IT TO THE SERVER AGAIN: only what may be done twice, and only to servers of which it
 * is known what they do against that. On a listening socket: how much is accepted, with
 * tickets issued from then on; recv gives it out when the handshake is done, which a replay
 * never is, and no ClientHello's is accepted twice by the processes that were forked since
 * listen(). Read when connected: how many bytes were accepted as early data. EOPNOTSUPP
 * together with TLS_TICKET_KEY_FILE.
 */
#define TLS_EARLY_DATA 220

/*
 * (S) bytes, 1 to 512: a pre-shared key (RFC 4279; RFC 8446, 2.2), as it is, and (GS)
 * string, 1 to 128 bytes: the identity that it goes by. Both are set, on both ends; a
 * listening socket then needs no certificate. Several identities on a server: by
 * TLS_SEC_TAG_LIST, each tag with a TLS_CREDENTIAL_PSK and a TLS_CREDENTIAL_PSK_ID. A
 * client shows the one that was set so, or the first tag's. Read on an open connection:
 * the identity agreed on; ENOTCONN where there is none.
 *
 * Who has the key is verified by it. A client with one takes a certificate instead only
 * where it was also told what to trust (TLS_TRUSTED_PEER_CERTIFICATES), or has one itself,
 * and TLS_PEER_VERIFY is not NONE. Without the other half connect() and listen() are
 * EINVAL. Take 16 random bytes or more: a guessable key is found by who hears or poses.
 */
#define TLS_PSK 221
#define TLS_PSK_IDENTITY 222

/*
 * (GS) int: TLS_ROLE_CLIENT or TLS_ROLE_SERVER, in place of what connect() and accept()
 * imply. Also on a socket that was upgraded, until its handshake begins.
 */
#define TLS_ROLE 204
#define TLS_DTLS_ROLE 6
#define TLS_ROLE_CLIENT 0
#define TLS_ROLE_SERVER 1
#define TLS_DTLS_ROLE_CLIENT TLS_ROLE_CLIENT
#define TLS_DTLS_ROLE_SERVER TLS_ROLE_SERVER

/* Values of TLS_CERT_NOCOPY. */
#define TLS_CERT_NOCOPY_NONE 0
#define TLS_CERT_NOCOPY_OPTIONAL 1
/*
 * (GS) int: what a server shows to a client that asks for a name (SNI) that none of its
 * chains has; 0: the first chain that the client can use; 1: the alert unrecognized_name
 * (RFC 6066, 3), and the handshake fails with EPROTO. Clients that ask for no name get the
 * first chain in any case.
 */
#define TLS_UNKNOWN_NAME 217
/*
 * (S) string: a file whose first line is the passphrase of the encrypted keys (PKCS#8, or
 * OpenSSL's PEM), or the PIN of the PKCS#11 tokens, that are set after it. ENOENT, EACCES
 * the file; EINVAL nothing in it.
 */
#define TLS_KEY_PASSPHRASE_FILE 218
/*
 * (S) nothing, on a listening socket: certificates, keys and trust anchors are read again
 * from their files and tokens, for the handshakes to come; connections that are open are
 * not disturbed. Files that change are read again in any case, within a second or with
 * the next handshake after it. On failure what was read before stays in use: ENOENT,
 * EACCES, EINVAL, EPROTO as when they were set. EOPNOTSUPP on other sockets.
 */
#define TLS_RELOAD 224

/*
 * (S) int: 1: any peer is taken, whoever it is, unless TLS_PEER_PIN names its key:
 * TLS_PEER_VERIFY_NONE by a name that says so. 0: the default of the role again.
 */
#define TLS_INSECURE_NO_VERIFY 213

/*
 * (G) string: of which authorities the server wants a client's certificate, a name (RFC 4514) a
 * line; "": of any. ENOTCONN where it asked for none in the handshake, and on a server's socket.
 * Our servers name those that they trust.
 */
#define TLS_ACCEPTABLE_CAS 223
/*
 * (S) string: a file with an OCSP response, DER or PEM, that is stapled to the chain set
 * last; read again when the file changes. One that has expired or is another certificate's is
 * not sent, and the log says so. ENOENT, EACCES the file; EINVAL it is no OCSP response, or
 * there is no chain before it.
 */
#define TLS_OCSP_RESPONSE 215
/*
 * (S) string: a file of CRLs, DER or PEM, a directory of them, or PEM text; given again: more
 * of them. Read again when a file changes. ENOENT, EACCES the file; EINVAL it is no CRL.
 */
#define TLS_CRL 216

/* Values of TLS_REVOCATION_CHECKS. */
#define TLS_REVOCATION_NONE 0
#define TLS_REVOCATION_SOFT 1
#define TLS_REVOCATION_HARD 2

/* Values of TLS_PEER_VERIFY. */
#define TLS_PEER_VERIFY_NONE	 0 /* any peer, unverified */
#define TLS_PEER_VERIFY_OPTIONAL 1 /* verify, go on all the same */
#define TLS_PEER_VERIFY_REQUIRED 2 /* verify, or the handshake fails */

/*
 * Values of TLS_HANDSHAKE_MODE. INLINE: connect (accept) returns when the
 * handshake is done, as SSL_connect (SSL_accept) does. DEFERRED: it returns
 * when TCP is up, and the handshake runs in the first call that needs it. The
 * default is INLINE for connect; for accept DEFERRED with IPPROTO_TLS and
 * INLINE with the Zephyr numbers. A call on a socket that does not wait (O_NONBLOCK)
 * returns without the handshake in either mode.
 */
#define TLS_HANDSHAKE_INLINE   0
#define TLS_HANDSHAKE_DEFERRED 1

/* Values of TLS_CHOSEN_VERSION. */
#define TLS_1_0 0
#define TLS_1_1 1
#define TLS_1_2 2
#define TLS_1_3 3

#endif /* TLSSOCK_OPTIONS_H */
