/* SPDX-License-Identifier: MIT */
/*
 * The floor: sealing and opening records of a write's size, without TLS, a socket or a copy,
 * by the faster of GnuTLS's and OpenSSL's interfaces. Each in turn, so that both meet the
 * same machine. "floor bulk name=value...", as the other workers.
 */
#include "common.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <openssl/evp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { RECORD = 16384, TAG = 16, NONCE = 12, HEADER = 5, KEY = 32, SLICES = 4 };
/* The clock is read once in so many bytes. */
enum { CHUNK = 256 << 10 };

static const struct cipher {
	const char *name;
	gnutls_cipher_algorithm_t gnutls;
	const EVP_CIPHER *(*openssl)(void);
	unsigned int key_bytes;
} ciphers[] = {
	{"TLS_AES_128_GCM_SHA256", GNUTLS_CIPHER_AES_128_GCM, EVP_aes_128_gcm, 16},
	{"TLS_AES_256_GCM_SHA384", GNUTLS_CIPHER_AES_256_GCM, EVP_aes_256_gcm, 32},
	{"TLS_CHACHA20_POLY1305_SHA256", GNUTLS_CIPHER_CHACHA20_POLY1305, EVP_chacha20_poly1305,
	 32},
};

static struct {
	const struct cipher *cipher;
	size_t write, record; /* bytes */
	double seconds;
	unsigned char *plain, *sealed;
	unsigned char key[KEY], nonce[NONCE], header[HEADER];
} work;

static gnutls_aead_cipher_hd_t gnutls;
static EVP_CIPHER_CTX *sealing, *opening;

static void need(bool fine, const char *what)
{
	if (!fine)
		die("%s failed", what);
}

static void gnutls_seal(const unsigned char *plain)
{
	size_t size = work.record + TAG;

	need(gnutls_aead_cipher_encrypt(gnutls, work.nonce, NONCE, work.header, HEADER, TAG, plain,
					work.record, work.sealed, &size) == 0,
	     "gnutls_aead_cipher_encrypt");
}

static void gnutls_open(unsigned char *plain)
{
	size_t size = work.record;

	need(gnutls_aead_cipher_decrypt(gnutls, work.nonce, NONCE, work.header, HEADER, TAG,
					work.sealed, work.record + TAG, plain, &size) == 0,
	     "gnutls_aead_cipher_decrypt");
}

static void openssl_seal(const unsigned char *plain)
{
	int n;

	need(EVP_EncryptInit_ex(sealing, NULL, NULL, NULL, work.nonce) == 1 &&
		     EVP_EncryptUpdate(sealing, NULL, &n, work.header, HEADER) == 1 &&
		     EVP_EncryptUpdate(sealing, work.sealed, &n, plain, (int)work.record) == 1 &&
		     EVP_EncryptFinal_ex(sealing, work.sealed + n, &n) == 1 &&
		     EVP_CIPHER_CTX_ctrl(sealing, EVP_CTRL_AEAD_GET_TAG, TAG,
					 work.sealed + work.record) == 1,
	     "EVP_Encrypt");
}

static void openssl_open(unsigned char *plain)
{
	int n;

	need(EVP_DecryptInit_ex(opening, NULL, NULL, NULL, work.nonce) == 1 &&
		     EVP_CIPHER_CTX_ctrl(opening, EVP_CTRL_AEAD_SET_TAG, TAG,
					 work.sealed + work.record) == 1 &&
		     EVP_DecryptUpdate(opening, NULL, &n, work.header, HEADER) == 1 &&
		     EVP_DecryptUpdate(opening, plain, &n, work.sealed, (int)work.record) == 1 &&
		     EVP_DecryptFinal_ex(opening, plain + n, &n) == 1,
	     "EVP_Decrypt");
}

static const struct way {
	const char *name;
	void (*seal)(const unsigned char *plain);
	void (*open)(unsigned char *plain);
} ways[] = {
	{"GnuTLS", gnutls_seal, gnutls_open},
	{"OpenSSL", openssl_seal, openssl_open},
};

static double cpu_now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* CPU seconds for a GB, for as long as that; the record in hand is opened as often as asked. */
static double measure(const struct way *way, bool seal, double seconds)
{
	double cpu = cpu_now(), end = now_seconds() + seconds;
	size_t done = 0, at = 0;

	while (now_seconds() < end) {
		for (size_t chunk = 0; chunk < CHUNK; chunk += work.record) {
			if (seal)
				way->seal(work.plain + at);
			else
				way->open(work.plain + at);
			done += work.record;
			at = at + 2 * work.record > work.write ? 0 : at + work.record;
		}
	}
	return (cpu_now() - cpu) / ((double)done / 1e9);
}

static void measure_all(void)
{
	double sealing_cost[COUNT(ways)] = {0}, opening_cost[COUNT(ways)] = {0};
	double slice = work.seconds / (2 * SLICES * COUNT(ways));
	size_t seals = 0, opens = 0;

	for (int i = 0; i < SLICES; i++) {
		for (size_t w = 0; w < COUNT(ways); w++) {
			sealing_cost[w] += measure(&ways[w], true, slice) / SLICES;
			opening_cost[w] += measure(&ways[w], false, slice) / SLICES;
		}
	}
	for (size_t w = 1; w < COUNT(ways); w++) {
		seals = sealing_cost[w] < sealing_cost[seals] ? w : seals;
		opens = opening_cost[w] < opening_cost[opens] ? w : opens;
	}
	printf("sender_cpu %.9g\nreceiver_cpu %.9g\n", sealing_cost[seals], opening_cost[opens]);
	printf("version AEAD of %s\n", ways[seals].name);
}

static void prepare(void)
{
	gnutls_datum_t key = {work.key, work.cipher->key_bytes};

	work.record = work.write < RECORD ? work.write : RECORD;
	work.plain = calloc(1, work.write);
	work.sealed = malloc(work.record + TAG);
	if (!work.plain || !work.sealed)
		die_errno("malloc");
	need(gnutls_aead_cipher_init(&gnutls, work.cipher->gnutls, &key) == 0, "GnuTLS's cipher");
	sealing = EVP_CIPHER_CTX_new();
	opening = EVP_CIPHER_CTX_new();
	need(sealing && opening &&
		     EVP_EncryptInit_ex(sealing, work.cipher->openssl(), NULL, work.key,
					work.nonce) == 1 &&
		     EVP_DecryptInit_ex(opening, work.cipher->openssl(), NULL, work.key,
					work.nonce) == 1,
	     "OpenSSL's cipher");
}

/* Those of the workers' parameters that matter here. */
static void parse(const char *argument)
{
	const char *value = strchr(argument, '=');

	if (!value)
		return;
	value++;
	if (strncmp(argument, "write=", strlen("write=")) == 0)
		work.write = (size_t)parse_number("write", value);
	else if (strncmp(argument, "seconds=", strlen("seconds=")) == 0)
		work.seconds = parse_number("seconds", value);
	for (size_t i = 0; i < COUNT(ciphers); i++)
		if (strncmp(argument, "cipher=", strlen("cipher=")) == 0 &&
		    strcmp(ciphers[i].name, value) == 0)
			work.cipher = &ciphers[i];
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		parse(argv[i]);
	if (!work.cipher || !work.write || work.seconds <= 0)
		die("cipher, write and seconds, as the driver gives them");
	pin_to_cpu(0);
	prepare();
	measure_all();
	free(work.plain);
	free(work.sealed);
	gnutls_aead_cipher_deinit(gnutls);
	EVP_CIPHER_CTX_free(sealing);
	EVP_CIPHER_CTX_free(opening);
	return 0;
}
