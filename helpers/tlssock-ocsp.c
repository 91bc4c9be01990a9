/* SPDX-License-Identifier: MIT */
/*
 * tlssock-ocsp URL MILLISECONDS LENGTH - moves bytes for libtlssock.so: what it reads, so many
 * bytes, goes to the URL as an OCSP request by HTTP (RFC 6960, appendix A), and what comes back,
 * to standard output behind a byte, 'R' a response, 'E' a sentence on why there is none, and
 * its length in four bytes, the greatest first. It knows nothing
 * of certificates. A process of its own, so that no program has an HTTP library in it.
 */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MAX_REQUEST = 4096, MAX_RESPONSE = 64 * 1024, MAX_REDIRECTS = 3, HTTP_OK = 200 };

struct body {
	char bytes[MAX_RESPONSE];
	size_t len;
};

static size_t take(char *data, size_t size, size_t n, void *arg)
{
	struct body *body = arg;

	n *= size;
	if (n > sizeof(body->bytes) - body->len)
		return 0;
	memcpy(body->bytes + body->len, data, n);
	body->len += n;
	return n;
}

static int say(char what, const void *data, size_t len)
{
	putchar(what);
	for (int shift = 24; shift >= 0; shift -= 8)
		putchar((int)(len >> shift & 0xff));
	fwrite(data, 1, len, stdout);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int fail(const char *text)
{
	return say('E', text, strlen(text));
}

static CURL *prepare(const char *url, long ms, const struct body *request, struct body *response,
		     struct curl_slist *headers, char *why)
{
	CURL *curl = curl_easy_init();

	if (!curl)
		return NULL;
	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ms);
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
	/* The URL is what some certificate says: nothing but HTTP, wherever that leads. */
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
	curl_easy_setopt(curl, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->bytes);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)request->len);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, response);
	return curl;
}

static int ask(const char *url, long ms, const struct body *request)
{
	static struct body response;
	char why[CURL_ERROR_SIZE] = "", text[CURL_ERROR_SIZE + 64];
	struct curl_slist *headers =
		curl_slist_append(NULL, "Content-Type: application/ocsp-request");
	CURL *curl = headers ? prepare(url, ms, request, &response, headers, why) : NULL;
	CURLcode result;
	long status = 0;

	if (!curl)
		return fail("not enough memory");
	result = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	if (result == CURLE_OK && status == HTTP_OK)
		return say('R', response.bytes, response.len);
	if (result == CURLE_OK)
		snprintf(text, sizeof(text), "it answered with HTTP status %ld", status);
	else if (result == CURLE_WRITE_ERROR)
		snprintf(text, sizeof(text), "its answer is too long");
	else
		snprintf(text, sizeof(text), "%s", *why ? why : curl_easy_strerror(result));
	return fail(text);
}

int main(int argc, char **argv)
{
	static struct body request;
	long ms = argc == 4 ? strtol(argv[2], NULL, 10) : 0;
	long length = argc == 4 ? strtol(argv[3], NULL, 10) : 0;

	if (ms <= 0 || length <= 0 || length > MAX_REQUEST) {
		fprintf(stderr, "usage: tlssock-ocsp URL MILLISECONDS LENGTH <REQUEST >ANSWER\n");
		return 2;
	}
	/* Nobody would read what comes after its caller is gone; nor after that time. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm((unsigned int)(ms / 1000) + 2);
	request.len = fread(request.bytes, 1, (size_t)length, stdin);
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return fail("libcurl cannot be used");
	return ask(argv[1], ms, &request);
}
