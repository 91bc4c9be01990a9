/* SPDX-License-Identifier: MIT */
#include "identity.h"

#include "common.h"
#include "contender.h"

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LIFETIME_SECONDS (24 * 60 * 60)

static char directory[3072];

/* Of each kind of key. */
enum file { CA, CERTIFICATE, KEY, BUNDLE, FILES };

static const char *const file_names[FILES] = {
	[CA] = "ca.pem",
	[CERTIFICATE] = "cert.pem",
	[KEY] = "key.pem",
	[BUNDLE] = "bundle.pem",
};

static struct kind {
	const char *name;
	gnutls_pk_algorithm_t algorithm;
	unsigned int bits;
	char directory[3200];
	char paths[FILES][4096];
} kinds[] = {
	{.name = IDENTITY_ECDSA,
	 .algorithm = GNUTLS_PK_ECDSA,
	 .bits = GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1)},
	{.name = IDENTITY_RSA, .algorithm = GNUTLS_PK_RSA, .bits = 2048},
};

static struct {
	const char *name;
	char path[4096];
} run_files[] = {
	[RUN_PRIORITY] = {.name = "gnutls-priority"},
	[RUN_PROXY_CLIENT] = {.name = "proxy-client.conf"},
	[RUN_PROXY_SERVER] = {.name = "proxy-server.conf"},
};

/* A name of a suite and what GnuTLS must not have for it to be chosen. */
static const struct cipher {
	const char *name;
	const char *disabled[3];
} ciphers[] = {
	{"TLS_AES_256_GCM_SHA384", {"AES-128-GCM", "CHACHA20-POLY1305", "AES-128-CCM"}},
	{"TLS_AES_128_GCM_SHA256", {"AES-256-GCM", "CHACHA20-POLY1305", "AES-128-CCM"}},
	{"TLS_CHACHA20_POLY1305_SHA256", {"AES-256-GCM", "AES-128-GCM", "AES-128-CCM"}},
};

static void remove_files(void)
{
	for (size_t k = 0; k < COUNT(kinds); k++) {
		for (int i = 0; i < FILES; i++)
			unlink(kinds[k].paths[i]);
		rmdir(kinds[k].directory);
	}
	for (size_t i = 0; i < COUNT(run_files); i++)
		unlink(run_files[i].path);
	rmdir(directory);
}

/* unlink and rmdir are safe in a signal handler (signal-safety(7)). */
static void remove_and_end(int number)
{
	remove_files();
	signal(number, SIG_DFL);
	raise(number);
}

static void name_files(struct kind *kind)
{
	snprintf(kind->directory, sizeof(kind->directory), "%s/%s", directory, kind->name);
	for (int i = 0; i < FILES; i++)
		snprintf(kind->paths[i], sizeof(kind->paths[i]), "%s/%s", kind->directory,
			 file_names[i]);
}

static void make_directory(void)
{
	const char *parent = getenv("TMPDIR");

	snprintf(directory, sizeof(directory), "%s/tlssock-bench.XXXXXX", parent ? parent : "/tmp");
	if (!mkdtemp(directory))
		die_errno(directory);
	for (size_t i = 0; i < COUNT(run_files); i++)
		snprintf(run_files[i].path, sizeof(run_files[i].path), "%s/%s", directory,
			 run_files[i].name);
	for (size_t i = 0; i < COUNT(kinds); i++)
		name_files(&kinds[i]);
	atexit(remove_files);
	signal(SIGINT, remove_and_end);
	signal(SIGTERM, remove_and_end);
	signal(SIGHUP, remove_and_end);
	for (size_t i = 0; i < COUNT(kinds); i++)
		if (mkdir(kinds[i].directory, 0700) < 0)
			die_errno(kinds[i].directory);
}

static void check(int result, const char *what)
{
	if (result < 0)
		die("%s: %s", what, gnutls_strerror(result));
}

/* mode: as for fopen. */
static void write_file(const char *path, const char *mode, const void *data, size_t size)
{
	FILE *out = fopen(path, mode);

	if (!out || fwrite(data, 1, size, out) != size || fclose(out) != 0)
		die_errno(path);
}

static gnutls_x509_privkey_t new_key(const struct kind *kind)
{
	gnutls_x509_privkey_t key;

	check(gnutls_x509_privkey_init(&key), "key");
	check(gnutls_x509_privkey_generate(key, kind->algorithm, kind->bits, 0), "key");
	return key;
}

/* What root and leaf have in common. */
static gnutls_x509_crt_t new_certificate(gnutls_x509_privkey_t key, const char *name,
					 unsigned char serial)
{
	gnutls_x509_crt_t certificate;
	time_t now = time(NULL);

	check(gnutls_x509_crt_init(&certificate), "certificate");
	check(gnutls_x509_crt_set_version(certificate, 3), "version");
	check(gnutls_x509_crt_set_serial(certificate, &serial, 1), "serial");
	check(gnutls_x509_crt_set_key(certificate, key), "key");
	check(gnutls_x509_crt_set_dn_by_oid(certificate, GNUTLS_OID_X520_COMMON_NAME, 0, name,
					    (unsigned int)strlen(name)),
	      "name");
	check(gnutls_x509_crt_set_activation_time(certificate, now - LIFETIME_SECONDS), "time");
	check(gnutls_x509_crt_set_expiration_time(certificate, now + LIFETIME_SECONDS), "time");
	return certificate;
}

/* A server's, for the name and the address that clients connect to. */
static void describe_server(gnutls_x509_crt_t leaf)
{
	static const unsigned char loopback[] = {127, 0, 0, 1};

	check(gnutls_x509_crt_set_subject_alt_name(leaf, GNUTLS_SAN_DNSNAME, SERVER_NAME,
						   sizeof(SERVER_NAME) - 1, GNUTLS_FSAN_SET),
	      "alternative name");
	check(gnutls_x509_crt_set_subject_alt_name(leaf, GNUTLS_SAN_IPADDRESS, loopback,
						   sizeof(loopback), GNUTLS_FSAN_APPEND),
	      "address");
	check(gnutls_x509_crt_set_key_usage(leaf, GNUTLS_KEY_DIGITAL_SIGNATURE), "usage");
	check(gnutls_x509_crt_set_key_purpose_oid(leaf, GNUTLS_KP_TLS_WWW_SERVER, 0), "purpose");
}

static void sign_and_write(gnutls_x509_crt_t certificate, gnutls_x509_crt_t issuer,
			   gnutls_x509_privkey_t issuer_key, const char *path)
{
	gnutls_datum_t pem;

	check(gnutls_x509_crt_sign2(certificate, issuer, issuer_key, GNUTLS_DIG_SHA256, 0), "sign");
	check(gnutls_x509_crt_export2(certificate, GNUTLS_X509_FMT_PEM, &pem), "export");
	write_file(path, "we", pem.data, pem.size);
	gnutls_free(pem.data);
}

static void make_certificates(const struct kind *kind)
{
	gnutls_x509_privkey_t root_key = new_key(kind), key = new_key(kind);
	gnutls_x509_crt_t root = new_certificate(root_key, "Benchmark Root", 1);
	gnutls_x509_crt_t leaf = new_certificate(key, SERVER_NAME, 2);
	gnutls_datum_t pem;

	check(gnutls_x509_crt_set_basic_constraints(root, 1, -1), "constraints");
	check(gnutls_x509_crt_set_key_usage(root, GNUTLS_KEY_KEY_CERT_SIGN), "usage");
	sign_and_write(root, root, root_key, kind->paths[CA]);
	describe_server(leaf);
	sign_and_write(leaf, root, root_key, kind->paths[CERTIFICATE]);
	sign_and_write(leaf, root, root_key, kind->paths[BUNDLE]);
	check(gnutls_x509_privkey_export2(key, GNUTLS_X509_FMT_PEM, &pem), "export");
	write_file(kind->paths[KEY], "we", pem.data, pem.size);
	write_file(kind->paths[BUNDLE], "ae", pem.data, pem.size);
	gnutls_free(pem.data);
	gnutls_x509_crt_deinit(leaf);
	gnutls_x509_crt_deinit(root);
	gnutls_x509_privkey_deinit(key);
	gnutls_x509_privkey_deinit(root_key);
}

const char *identity_new(void)
{
	make_directory();
	for (size_t i = 0; i < COUNT(kinds); i++)
		make_certificates(&kinds[i]);
	return directory;
}

const char *identity_write(enum run_file file, const char *text)
{
	write_file(run_files[file].path, "we", text, strlen(text));
	return run_files[file].path;
}

static const struct cipher *find_cipher(const char *name)
{
	for (size_t i = 0; i < COUNT(ciphers); i++)
		if (strcmp(ciphers[i].name, name) == 0)
			return &ciphers[i];
	die("not a cipher suite that all contenders can be made to use: '%s'", name);
}

void identity_choose_cipher(const char *name)
{
	const struct cipher *cipher = find_cipher(name);
	char text[256] = "[overrides]\n";

	for (size_t i = 0; i < COUNT(cipher->disabled); i++) {
		size_t length = strlen(text);

		snprintf(text + length, sizeof(text) - length, "tls-disabled-cipher = %s\n",
			 cipher->disabled[i]);
	}
	setenv("GNUTLS_SYSTEM_PRIORITY_FILE", identity_write(RUN_PRIORITY, text), 1);
}
