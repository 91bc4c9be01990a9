/* SPDX-License-Identifier: MIT */
#include "names.h"

#include "guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * A program may resolve names all its life and never connect with TLS: both
 * lists are bounded. What falls out is not guessed at, the address is then
 * verified as an address.
 */
enum {
	KEPT_ADDRESSES = 1024,
	KEPT_RESULTS = 256,
	KEPT_POINTERS = 16,
	KEPT_REQUESTS = 64,
	NAME_SIZE = 256
};

struct learned {
	struct in6_addr address; /* v4-mapped for IPv4 */
	bool used;
	char *name; /* NULL: asked for as an address only */
	bool several;
	bool literal;	      /* also asked for as an address */
	unsigned int passive; /* and so for bind, which has not come yet: so often */
};

/* The pointers are compared and never followed: the program may free as it likes. */
struct result {
	const struct addrinfo *head;
	const struct sockaddr *addresses[KEPT_POINTERS];
	char *name;
};

static struct guard lock = GUARD_INIT;
static struct learned learned[KEPT_ADDRESSES];
static unsigned int next_learned;
static struct result results[KEPT_RESULTS];
static unsigned int next_result;
static const struct gaicb *requests[KEPT_REQUESTS];
static unsigned int next_request;

void names_lock(void)
{
	guard_lock(&lock);
}

void names_unlock(void)
{
	guard_unlock(&lock);
}

static int address_of(const struct sockaddr *sa, struct in6_addr *out)
{
	if (sa->sa_family == AF_INET6) {
		memcpy(out, &((const struct sockaddr_in6 *)sa)->sin6_addr, sizeof(*out));
		return 0;
	}
	if (sa->sa_family != AF_INET)
		return -1;
	memset(out, 0, sizeof(*out));
	out->s6_addr[10] = out->s6_addr[11] = 0xff;
	memcpy(&out->s6_addr[12], &((const struct sockaddr_in *)sa)->sin_addr, 4);
	return 0;
}

static struct learned *find_locked(const struct in6_addr *address)
{
	for (unsigned int i = 0; i < KEPT_ADDRESSES; i++)
		if (learned[i].used && memcmp(&learned[i].address, address, sizeof(*address)) == 0)
			return &learned[i];
	return NULL;
}

static bool is_ambiguous(const struct learned *l)
{
	return l->several || (l->name && (l->literal || l->passive));
}

/* What is ambiguous must not become certain by being forgotten. */
static struct learned *add_locked(const struct in6_addr *address)
{
	struct learned *l = NULL;

	for (int tried = 0; tried < KEPT_ADDRESSES; tried++) {
		l = &learned[next_learned++ % KEPT_ADDRESSES];
		if (!is_ambiguous(l))
			break;
	}
	if (is_ambiguous(l))
		return NULL;
	free(l->name);
	*l = (struct learned){.address = *address, .used = true};
	return l;
}

static void learn_locked(const struct in6_addr *address, const char *name)
{
	struct learned *l = find_locked(address);

	if (!l)
		l = add_locked(address);
	if (!l)
		return;
	if (!l->name)
		l->name = strdup(name);
	else if (strcasecmp(l->name, name) != 0)
		l->several = true;
}

static void learn_literal_locked(const struct in6_addr *address, bool passive)
{
	struct learned *l = find_locked(address);

	if (!l)
		l = add_locked(address);
	if (l && passive)
		l->passive++;
	else if (l)
		l->literal = true;
}

/* Also 127.1 and the like, which getaddrinfo takes for addresses (inet_aton(3)). */
static int is_literal(const char *node)
{
	struct in6_addr a;
	struct in_addr in;

	return inet_aton(node, &in) || inet_pton(AF_INET6, node, &a) == 1 || strchr(node, '%');
}

/*
 * The name that a lookup stands for: without the root's dot, and of an address the
 * address as it is written. NULL: none.
 */
static const char *name_of_node(const char *node, const struct sockaddr *sa, char *name)
{
	size_t len = strlen(node);

	if (len == 0 || len >= NAME_SIZE)
		return NULL;
	if (is_literal(node)) {
		names_format(sa, 0, name, NAME_SIZE);
		return name;
	}
	memcpy(name, node, len + 1);
	if (name[len - 1] == '.')
		name[len - 1] = '\0';
	return name[0] ? name : NULL;
}

static void learn_all_locked(struct result *r, const struct addrinfo *result, const char *name)
{
	struct in6_addr address;
	int n = 0;

	for (const struct addrinfo *ai = result; ai; ai = ai->ai_next) {
		if (!ai->ai_addr || address_of(ai->ai_addr, &address) < 0)
			continue;
		if (name)
			learn_locked(&address, name);
		if (n < KEPT_POINTERS)
			r->addresses[n++] = ai->ai_addr;
	}
}

void names_learn(const char *node, const struct addrinfo *hints, const struct addrinfo *result)
{
	struct in6_addr address;
	char buffer[NAME_SIZE];
	const char *name;
	struct result *r;
	int saved = errno;

	if (!node || !result || !result->ai_addr)
		return;
	name = name_of_node(node, result->ai_addr, buffer);
	if (!name)
		return;
	names_lock();
	r = &results[next_result++ % KEPT_RESULTS];
	free(r->name);
	*r = (struct result){.head = result, .name = strdup(name)};
	/* A literal is one address, however often it is in the list. */
	learn_all_locked(r, result, is_literal(node) ? NULL : name);
	if (is_literal(node) && address_of(result->ai_addr, &address) == 0)
		learn_literal_locked(&address, hints && (hints->ai_flags & AI_PASSIVE));
	names_unlock();
	errno = saved;
}

void names_bound(const struct sockaddr *sa)
{
	struct in6_addr address;
	struct learned *l;

	if (address_of(sa, &address) < 0)
		return;
	names_lock();
	l = find_locked(&address);
	if (l && l->passive)
		l->passive--;
	names_unlock();
}

static bool forget_request_locked(const struct gaicb *request)
{
	for (unsigned int i = 0; request && i < KEPT_REQUESTS; i++) {
		if (requests[i] != request)
			continue;
		requests[i] = NULL;
		return true;
	}
	return false;
}

void names_expect(const struct gaicb *request)
{
	names_lock();
	forget_request_locked(request);
	requests[next_request++ % KEPT_REQUESTS] = request;
	names_unlock();
}

void names_arrived(const struct gaicb *request)
{
	bool expected;

	names_lock();
	expected = forget_request_locked(request);
	names_unlock();
	if (expected)
		names_learn(request->ar_name, request->ar_request, request->ar_result);
}

/* Returns false for what is no address of ours. */
static bool host_address(const struct hostent *host, const char *at, struct sockaddr_in6 *sa)
{
	struct sockaddr_in *in = (struct sockaddr_in *)(void *)sa;

	memset(sa, 0, sizeof(*sa));
	sa->sin6_family = (sa_family_t)host->h_addrtype;
	if (host->h_addrtype == AF_INET6)
		memcpy(&sa->sin6_addr, at, sizeof(sa->sin6_addr));
	else if (host->h_addrtype == AF_INET)
		memcpy(&in->sin_addr, at, sizeof(in->sin_addr));
	else
		return false;
	return true;
}

void names_learn_host(const char *node, const struct hostent *host)
{
	const char *name = NULL;
	struct in6_addr address;
	struct sockaddr_in6 sa;
	char buffer[NAME_SIZE];
	int saved = errno;

	names_lock();
	for (int i = 0; node && host && host->h_addr_list[i]; i++) {
		if (!host_address(host, host->h_addr_list[i], &sa))
			break;
		name = name_of_node(node, (const struct sockaddr *)&sa, buffer);
		if (!name || address_of((const struct sockaddr *)&sa, &address) < 0)
			continue;
		if (is_literal(node))
			learn_literal_locked(&address, false);
		else
			learn_locked(&address, name);
	}
	names_unlock();
	errno = saved;
}

void names_forget(const struct addrinfo *result)
{
	names_lock();
	for (unsigned int i = 0; i < KEPT_RESULTS; i++) {
		if (results[i].head != result)
			continue;
		free(results[i].name);
		results[i] = (struct result){0};
	}
	names_unlock();
}

static const char *name_of_pointer_locked(const struct sockaddr *sa)
{
	for (unsigned int i = 0; i < KEPT_RESULTS; i++)
		for (int n = 0; n < KEPT_POINTERS; n++)
			if (results[i].addresses[n] == sa)
				return results[i].name;
	return NULL;
}

int names_find(const struct sockaddr *sa, char *name, size_t size)
{
	struct in6_addr address;
	struct learned *l;
	char text[INET6_ADDRSTRLEN] = "";
	const char *found;
	int r = 0;

	if (address_of(sa, &address) < 0)
		return 0;
	names_lock();
	found = name_of_pointer_locked(sa);
	l = found ? NULL : find_locked(&address);
	if (l && is_ambiguous(l))
		r = -ENOTUNIQ;
	else if (l && l->name)
		found = l->name;
	else if (l && (l->literal || l->passive))
		names_format(sa, 0, text, sizeof(text));
	if (r == 0 && (found || text[0])) {
		snprintf(name, size, "%s", found ? found : text);
		r = 1;
	}
	names_unlock();
	return r;
}

void names_format(const struct sockaddr *sa, int with_port, char *text, size_t size)
{
	char address[INET6_ADDRSTRLEN] = "?";
	struct in6_addr in6 = {0};
	unsigned int port = 0;
	int v6;

	if (address_of(sa, &in6) < 0) {
		snprintf(text, size, "?");
		return;
	}
	v6 = !IN6_IS_ADDR_V4MAPPED(&in6);
	if (v6)
		inet_ntop(AF_INET6, &in6, address, sizeof(address));
	else
		inet_ntop(AF_INET, &in6.s6_addr[12], address, sizeof(address));
	/* The port stands at the same place in both address structures. */
	port = ntohs(((const struct sockaddr_in *)sa)->sin_port);
	if (!with_port)
		snprintf(text, size, "%s", address);
	else
		snprintf(text, size, v6 ? "[%s]:%u" : "%s:%u", address, port);
}
