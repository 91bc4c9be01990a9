/* SPDX-License-Identifier: MIT */
/* A server that asks for the client's certificate when the handshake is long over. */
#include "ends.h"
#include "proc.h"
#include "trace.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tlssock.h>
#include <unistd.h>

static int ask(int fd)
{
	return setsockopt(fd, IPPROTO_TLS, TLS_REQUEST_PEER_AUTH, &(int){1}, sizeof(int));
}

/* Met without a certificate, though the server trusts somebody. */
static void open_unasked(struct ends *e, const char *identity)
{
	ends_open(e, "good", "localhost");
	tls_set_text(e->listener, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
	tls_set_int(e->listener, TLS_REQUEST_PEER_AUTH, 0);
	if (identity)
		ends_show(e->client, identity);
}

static void assert_unknown(int fd)
{
	char der[4096];

	assert_fails(
		getsockopt(fd, IPPROTO_TLS, TLS_PEER_CERTIFICATE, der, &(socklen_t){sizeof(der)}),
		ENOTCONN);
	assert_int_equal(tls_get_int(fd, TLS_REQUEST_PEER_AUTH), 0);
}

static void pass(int from, int to, const char *byte)
{
	char got = 0;

	assert_int_equal(send(from, byte, 1, 0), 1);
	assert_int_equal(recv(to, &got, 1, 0), 1);
	assert_int_equal(got, *byte);
}

/* Data goes on in both directions, older and newer than the request and its answer. */
static void asked(void **state)
{
	struct tls_info info;
	socklen_t len = sizeof(info);
	struct ends e;
	char got;

	(void)state;
	open_unasked(&e, "client");
	ends_meet(&e);
	assert_int_equal(e.error, 0);
	assert_unknown(e.server);
	assert_fails(getsockopt(e.client, IPPROTO_TLS, TLS_ACCEPTABLE_CAS, &got, &len), ENOTCONN);
	assert_int_equal(send(e.client, "1", 1, 0), 1); /* before it knows */
	assert_ok(ask(e.server));
	assert_int_equal(tls_get_int(e.server, TLS_REQUEST_PEER_AUTH), 1);
	assert_fails(ask(e.server), EALREADY);
	assert_int_equal(recv(e.server, &got, 1, 0), 1);
	assert_int_equal(got, '1');
	assert_int_equal(tls_get_int(e.server, TLS_REQUEST_PEER_AUTH), 1);
	pass(e.server, e.client, "2");
	pass(e.client, e.server, "3");
	assert_int_equal(tls_get_int(e.server, TLS_REQUEST_PEER_AUTH), 0);
	assert_string_equal(tls_get_text(e.server, TLS_PEER_IDENTITY), "CN=Test Client");
	assert_int_equal(tls_get_int(e.server, TLS_CERT_VERIFY_RESULT), 0);
	len = sizeof(info);
	assert_ok(getsockopt(e.server, IPPROTO_TLS, TLS_INFO, &info, &len));
	assert_int_equal(info.verified, 1);
	/* Once more. */
	assert_ok(ask(e.server));
	pass(e.server, e.client, "4");
	pass(e.client, e.server, "5");
	assert_int_equal(tls_get_int(e.server, TLS_REQUEST_PEER_AUTH), 0);
	ends_close(&e);
}

static const struct refusal {
	const char *identity, *says;
	int mode, error;
} refusals[] = {
	{"expired", "expired on 2020-01-01", TLS_PEER_VERIFY_REQUIRED, EPROTO},
	{"good", "not issued for this use, as a client", TLS_PEER_VERIFY_REQUIRED, EPROTO},
	{"unknown-root", "showed no certificate that an authority trusted here has issued",
	 TLS_PEER_VERIFY_REQUIRED, EPROTO},
	{"expired", "", TLS_PEER_VERIFY_OPTIONAL, 0},
};

static void refused(void **state)
{
	const struct refusal *row = *state;
	struct ends e;
	char got;

	open_unasked(&e, row->identity);
	if (row->mode == TLS_PEER_VERIFY_OPTIONAL)
		tls_set_int(e.listener, TLS_PEER_VERIFY, TLS_PEER_VERIFY_NONE);
	ends_meet(&e);
	assert_int_equal(e.error, 0);
	if (row->mode == TLS_PEER_VERIFY_OPTIONAL) {
		/* Any will do, and is looked at by nobody. */
		assert_ok(ask(e.server));
		pass(e.server, e.client, "1");
		pass(e.client, e.server, "2");
		assert_int_equal(tls_get_int(e.server, TLS_CERT_VERIFY_RESULT), 0x80);
		assert_string_equal(tls_get_text(e.server, TLS_PEER_IDENTITY), "CN=Test expired");
		ends_close(&e);
		return;
	}
	assert_ok(ask(e.server));
	pass(e.server, e.client, "1");
	assert_int_equal(send(e.client, "2", 1, 0), 1);
	assert_fails(recv(e.server, &got, 1, 0), row->error);
	if (!strstr(tls_get_text(e.server, TLS_ERROR), row->says) ||
	    !strstr(tls_get_text(e.server, TLS_ERROR), "verifying the peer"))
		fail_msg("%s", tls_get_text(e.server, TLS_ERROR));
	assert_true(send(e.server, "3", 1, MSG_NOSIGNAL) < 0);
	assert_fails(recv(e.client, &got, 1, 0), row->error);
	assert_non_null(strstr(tls_get_text(e.client, TLS_ERROR), "alert"));
	ends_close(&e);
}

static void not_possible(void **state)
{
	struct ends e;

	(void)state;
	open_unasked(&e, test_version() == TLS_1_2 ? "client" : NULL);
	ends_meet(&e);
	assert_fails(ask(e.server), EOPNOTSUPP);
	assert_fails(ask(e.client), EOPNOTSUPP);
	assert_fails(setsockopt(e.server, IPPROTO_TLS, TLS_REQUEST_PEER_AUTH, &(int){0}, 4),
		     EISCONN);
	assert_fails(setsockopt(e.server, IPPROTO_TLS, TLS_REQUEST_PEER_AUTH, &(int){2}, 4),
		     EINVAL);
	assert_fails(setsockopt(e.server, IPPROTO_TLS, TLS_REQUEST_PEER_AUTH, "", 1), EINVAL);
	pass(e.server, e.client, "1");
	pass(e.client, e.server, "2");
	ends_close(&e);
}

/* A client that says nothing has the handshake's time; waited for, or found too late. */
static void in_time(void **state)
{
	struct ends e;
	char got;

	(void)state;
	for (int wait = 0; wait < 2; wait++) {
		open_unasked(&e, "client");
		tls_set_int(e.listener, TLS_HANDSHAKE_TIMEOUT, 2000);
		ends_meet(&e);
		assert_int_equal(e.error, 0);
		assert_ok(ask(e.server));
		if (wait) {
			assert_fails(recv(e.server, &got, 1, 0), ETIMEDOUT);
		} else {
			assert_fails(recv(e.server, &got, 1, MSG_DONTWAIT), EAGAIN);
			while (recv(e.server, &got, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
				poll(NULL, 0, 10);
			assert_int_equal(errno, ETIMEDOUT);
		}
		assert_non_null(strstr(tls_get_text(e.server, TLS_ERROR),
				       "asking for a certificate: the peer did not answer"));
		ends_close(&e);
	}
}

static int calls;

static int count(void *ctx, struct tls_cert *cert, int depth, uint32_t *flags)
{
	calls += depth == 0 && *flags == 0 && cert->raw.len > 0;
	return *(int *)ctx;
}

static void program_is_asked(void **state)
{
	union {
		int (*function)(void *, struct tls_cert *, int, uint32_t *);
		void *pointer;
	} cb = {count};

	(void)state;
	for (int answer = 0; answer < 2; answer++) {
		const struct tls_cert_verify_cb callback = {cb.pointer, &answer};
		struct ends e;
		char got;

		calls = 0;
		open_unasked(&e, "client");
		assert_ok(setsockopt(e.listener, SOL_TLS, TLS_CERT_VERIFY_CALLBACK, &callback,
				     sizeof(callback)));
		ends_meet(&e);
		assert_int_equal(calls, 0);
		assert_ok(ask(e.server));
		pass(e.server, e.client, "1");
		assert_int_equal(send(e.client, "2", 1, 0), 1);
		if (answer)
			assert_fails(recv(e.server, &got, 1, 0), EPROTO);
		else
			assert_int_equal(recv(e.server, &got, 1, 0), 1);
		assert_int_equal(calls, 1);
		ends_close(&e);
	}
}

static int serve(uint16_t *port)
{
	int listener = tls_listen(AF_INET, IPPROTO_TLS, "good", port);

	tls_set_text(listener, TLS_TRUSTED_PEER_CERTIFICATES, zoo("ca.pem"));
	tls_set_int(listener, TLS_REQUEST_PEER_AUTH, 0);
	return listener;
}

static void ask_tool(int listener, struct proc *proc)
{
	char line[8];
	int fd;

	proc_write(proc, "before\n");
	fd = (int)assert_ok(accept(listener, NULL, NULL));
	assert_int_equal(recv(fd, line, 7, MSG_WAITALL), 7);
	assert_ok(ask(fd));
	assert_int_equal(send(fd, "asked you\n", 10, 0), 10);
	free(proc_line(proc, "asked you"));
	proc_write(proc, "after!\n");
	assert_int_equal(recv(fd, line, 7, MSG_WAITALL), 7);
	assert_string_equal(tls_get_text(fd, TLS_PEER_IDENTITY), "CN=Test Client");
	assert_int_equal(tls_get_int(fd, TLS_CERT_VERIFY_RESULT), 0);
	close(fd);
	close(listener);
	proc_finish(proc);
}

static void s_client(void **state)
{
	struct proc proc;
	uint16_t port;
	int listener = serve(&port);
	char address[32];

	(void)state;
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	proc_start(&proc, "openssl", "s_client", "-connect", address, "-servername", "localhost",
		   "-CAfile", zoo("ca.pem"), "-cert", zoo("client.pem"), "-key", zoo("client.key"),
		   "-enable_pha", "-quiet", NULL);
	ask_tool(listener, &proc);
}

static void gnutls_cli(void **state)
{
	struct proc proc;
	uint16_t number;
	int listener = serve(&number);
	char port[16];

	(void)state;
	snprintf(port, sizeof(port), "%u", number);
	proc_start(&proc, "gnutls-cli", "--x509cafile", zoo("ca.pem"), "--sni-hostname=localhost",
		   "--verify-hostname=localhost", "--x509certfile", zoo("client.pem"),
		   "--x509keyfile", zoo("client.key"), "--post-handshake-auth", "--port", port,
		   "127.0.0.1", NULL);
	ask_tool(listener, &proc);
}

/* The command c of s_server asks; ours answers with what it has. */
static void s_server(void **state)
{
	struct proc proc;
	uint16_t port;
	char address[32], got[6];
	int fd = net_listen(AF_INET, &port);

	(void)state;
	close(fd);
	snprintf(address, sizeof(address), "127.0.0.1:%u", port);
	proc_start(&proc, "openssl", "s_server", "-accept", address, "-cert", zoo("good.pem"),
		   "-key", zoo("good.key"), "-CAfile", zoo("ca.pem"), NULL);
	free(proc_line(&proc, "ACCEPT"));
	fd = tls_socket(AF_INET, IPPROTO_TLS, "localhost");
	ends_show(fd, "client");
	assert_ok(tls_connect(fd, AF_INET, port));
	proc_write(&proc, "first\n");
	assert_int_equal(recv(fd, got, 6, MSG_WAITALL), 6);
	/* It reads a command before the data that comes after it. */
	proc_write(&proc, "c\n");
	assert_int_equal(send(fd, "data\n", 5, 0), 5);
	free(proc_line(&proc, "data"));
	proc_write(&proc, "later\n");
	assert_int_equal(recv(fd, got, 6, MSG_WAITALL), 6);
	assert_memory_equal(got, "later\n", 6);
	assert_int_equal(send(fd, "more\n", 5, 0), 5);
	free(proc_line(&proc, "more"));
	free(proc_line(&proc, "Test Client"));
	close(fd);
	proc_kill(&proc);
}

/* TLS 1.2 has none. */
static const struct CMUnitTest without[] = {CASE(not_possible)};

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE(asked),	CASE(not_possible), CASE(in_time),  CASE(program_is_asked),
		CASE(s_client), CASE(gnutls_cli),   CASE(s_server),
	};
	struct CMUnitTest tests[COUNT(cases) + COUNT(refusals)];
	size_t n = 0;

	if (test_version() == TLS_1_2)
		return compare_main("postauth", NULL, 0, without, COUNT(without));
	for (; n < COUNT(cases); n++)
		tests[n] = cases[n];
	for (size_t i = 0; i < COUNT(refusals); i++)
		tests[n++] = ROW_CASE(refusals[i].identity, refused, ROW(refusals[i]));
	return compare_main("postauth", NULL, 0, tests, n);
}
