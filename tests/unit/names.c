/* SPDX-License-Identifier: MIT */
/* Which name an address was resolved from. */
#include "names.h"
#include "alloc.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

/* A result such as getaddrinfo gives, with its addresses by text. */
struct result {
	struct addrinfo ai[20];
	union address sa[20];
};

static void set_address(union address *to, const char *text, unsigned int port)
{
	memset(to, 0, sizeof(*to));
	if (inet_pton(AF_INET, text, &to->in.sin_addr) == 1) {
		to->in.sin_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &to->in6.sin6_addr), 1);
		to->in6.sin6_family = AF_INET6;
	}
	to->in.sin_port = htons((uint16_t)port);
}

static void make_result(struct result *r, size_t n, const char *const *texts)
{
	memset(r, 0, sizeof(*r));
	for (size_t i = 0; i < n; i++) {
		set_address(&r->sa[i], texts[i], 443);
		r->ai[i].ai_addr = &r->sa[i].any;
		r->ai[i].ai_next = i + 1 < n ? &r->ai[i + 1] : NULL;
	}
}

static void learn(const char *name, struct result *r, const char *text)
{
	make_result(r, 1, &text);
	names_learn(name, NULL, r->ai);
}

/* The name of an address by its value, wherever it lies; or the error's number. */
static const char *find(const char *text)
{
	static char name[256];
	union address copy;
	int r;

	set_address(&copy, text, 80);
	name[0] = '\0';
	r = names_find(&copy.any, name, sizeof(name));
	return r == 1 ? name : r == 0 ? "none" : r == -ENOTUNIQ ? "several" : "?";
}

static void test_learned(void **state)
{
	static const char *const texts[] = {"192.0.2.1", "2001:db8::1"};
	struct result r;

	(void)state;
	make_result(&r, 2, texts);
	names_learn("learned.example", NULL, r.ai);
	assert_string_equal(find("192.0.2.1"), "learned.example");
	assert_string_equal(find("2001:db8::1"), "learned.example");
	assert_string_equal(find("192.0.2.2"), "none");
	names_forget(r.ai);
	assert_string_equal(find("192.0.2.1"), "learned.example");
}

static void test_mapped_address_is_the_same(void **state)
{
	struct result r;

	(void)state;
	learn("mapped.example", &r, "192.0.2.10");
	assert_string_equal(find("::ffff:192.0.2.10"), "mapped.example");
	names_forget(r.ai);
}

static void test_two_names_of_one_address(void **state)
{
	struct result a, b;

	(void)state;
	learn("one.example", &a, "192.0.2.20");
	learn("two.example", &b, "192.0.2.20");
	assert_string_equal(find("192.0.2.20"), "several");
	names_forget(a.ai);
	names_forget(b.ai);
	assert_string_equal(find("192.0.2.20"), "several");
}

static void test_same_name_again_is_not_another(void **state)
{
	struct result a, b;

	(void)state;
	learn("same.example", &a, "192.0.2.30");
	learn("SAME.Example", &b, "192.0.2.30");
	assert_string_equal(find("192.0.2.30"), "same.example");
	names_forget(a.ai);
	names_forget(b.ai);
}

static const char *find_pointer(const struct sockaddr *sa)
{
	static char name[256];
	int r = names_find(sa, name, sizeof(name));

	return r == 1 ? name : r == 0 ? "none" : "several";
}

static void test_pointer_into_a_live_result_wins(void **state)
{
	struct result a, b;

	(void)state;
	learn("first.example", &a, "192.0.2.40");
	learn("second.example", &b, "192.0.2.40");
	assert_string_equal(find_pointer(&a.sa[0].any), "first.example");
	assert_string_equal(find_pointer(&b.sa[0].any), "second.example");
	names_forget(a.ai);
	assert_string_equal(find_pointer(&a.sa[0].any), "several");
	assert_string_equal(find_pointer(&b.sa[0].any), "second.example");
	names_forget(b.ai);
}

/* The program may change the port of the very address, and even the address. */
static void test_pointer_counts_and_not_its_bytes(void **state)
{
	struct result a;

	(void)state;
	learn("pointer.example", &a, "192.0.2.50");
	a.sa[0].in.sin_port = htons(8443);
	a.sa[0].in.sin_addr.s_addr = htonl(0xc0000233);
	assert_string_equal(find_pointer(&a.sa[0].any), "pointer.example");
	names_forget(a.ai);
	assert_string_equal(find_pointer(&a.sa[0].any), "none");
}

static const struct {
	const char *node, *address, *name;
} literals[] = {
	{"192.0.2.60", "192.0.2.60", "192.0.2.60"},
	{"2001:db8::60", "2001:db8::60", "2001:db8::60"},
	{"2001:DB8:0::60", "2001:db8::60", "2001:db8::60"},
	{"fe80::1%lo", "fe80::1", "fe80::1"},
	/* getaddrinfo takes what inet_aton takes (inet(3)). */
	{"192.0.573", "192.0.2.61", "192.0.2.61"},
	{"0xc000023e", "192.0.2.62", "192.0.2.62"},
	{"3221226047", "192.0.2.63", "192.0.2.63"},
	{"0300.0.2.64", "192.0.2.64", "192.0.2.64"},
	{"", "192.0.2.65", "none"},
	{".", "192.0.2.66", "none"},
	{NULL, "192.0.2.67", "none"},
};

static void test_literals(void **state)
{
	struct result r;

	(void)state;
	for (size_t i = 0; i < COUNT(literals); i++) {
		learn(literals[i].node, &r, literals[i].address);
		names_forget(r.ai);
		if (strcmp(find(literals[i].address), literals[i].name) != 0)
			fail_msg("\"%s\" is the name \"%s\"", literals[i].node,
				 find(literals[i].address));
	}
}

/* An address that was also meant as such belongs to no single name. */
static void test_literal_beside_a_name(void **state)
{
	struct result a, b;

	(void)state;
	learn("beside.example", &a, "192.0.2.68");
	learn("192.0.2.68", &b, "192.0.2.68");
	assert_string_equal(find("192.0.2.68"), "several");
	assert_string_equal(find_pointer(&a.sa[0].any), "beside.example");
	assert_string_equal(find_pointer(&b.sa[0].any), "192.0.2.68");
	names_forget(a.ai);
	names_forget(b.ai);
}

/* One that is asked for to bind to is no second name, once a socket was bound to it. */
static void test_literal_to_bind_to(void **state)
{
	const struct addrinfo hints = {.ai_flags = AI_PASSIVE};
	struct result r, own;

	(void)state;
	learn("bound.example", &r, "192.0.2.71");
	make_result(&own, 1, (const char *const[]){"192.0.2.71"});
	for (int i = 0; i < 2; i++, names_forget(own.ai))
		names_learn("192.0.2.71", &hints, own.ai);
	for (int i = 0; i < 2; i++, names_bound(&own.sa[0].any))
		assert_string_equal(find("192.0.2.71"), "several");
	assert_string_equal(find("192.0.2.71"), "bound.example");
	learn("192.0.2.71", &own, "192.0.2.71");
	names_bound(&own.sa[0].any);
	assert_string_equal(find("192.0.2.71"), "several");
	names_forget(own.ai);
	names_forget(r.ai);
}

/* The root's dot is not part of a name on the wire (RFC 6066, 3). */
static void test_dot_at_the_end(void **state)
{
	struct result a, b;

	(void)state;
	learn("dot.example.", &a, "192.0.2.69");
	learn("dot.example", &b, "192.0.2.69");
	assert_string_equal(find("192.0.2.69"), "dot.example");
	names_forget(a.ai);
	names_forget(b.ai);
}

static void test_long_names(void **state)
{
	char name[300], out[256];
	struct result r;

	(void)state;
	memset(name, 'a', sizeof(name));
	name[256] = '\0';
	learn(name, &r, "192.0.2.70");
	assert_string_equal(find("192.0.2.70"), "none");
	name[255] = '\0';
	learn(name, &r, "192.0.2.70");
	assert_string_equal(find("192.0.2.70"), name);
	assert_int_equal(names_find(&r.sa[0].any, out, 10), 1);
	assert_string_equal(out, "aaaaaaaaa");
	names_forget(r.ai);
}

static void test_more_addresses_than_pointers_kept(void **state)
{
	char texts[20][INET_ADDRSTRLEN];
	const char *list[20];
	struct result r;

	(void)state;
	for (int i = 0; i < 20; i++) {
		snprintf(texts[i], sizeof(texts[i]), "198.51.100.%d", i);
		list[i] = texts[i];
	}
	make_result(&r, 20, list);
	names_learn("many.example", NULL, r.ai);
	for (int i = 0; i < 20; i++)
		assert_string_equal(find_pointer(&r.sa[i].any), "many.example");
	names_forget(r.ai);
	assert_string_equal(find(texts[19]), "many.example");
}

static void test_other_families_are_passed_over(void **state)
{
	static const char *const texts[] = {"192.0.2.80", "192.0.2.81"};
	struct sockaddr local = {.sa_family = AF_UNIX};
	struct result r;
	char name[8];

	(void)state;
	make_result(&r, 2, texts);
	r.ai[0].ai_addr = NULL;
	r.sa[1].any.sa_family = AF_UNIX;
	names_learn("families.example", NULL, r.ai);
	assert_string_equal(find("192.0.2.80"), "none");
	assert_string_equal(find("192.0.2.81"), "none");
	assert_int_equal(names_find(&local, name, sizeof(name)), 0);
	names_forget(r.ai);
}

/* Runs after the others: it pushes all that was learned out. */
static void test_bounded(void **state)
{
	struct result *r = calloc(4000, sizeof(*r));
	char name[32], text[32];
	long live;

	(void)state;
	assert_non_null(r);
	learn("early.example", &r[0], "203.0.113.1");
	learn("one.example", &r[1], "203.0.113.2");
	learn("two.example", &r[2], "203.0.113.2");
	for (int i = 3; i < 4000; i++) {
		if (i == 2000)
			live = alloc_live();
		snprintf(name, sizeof(name), "n%d.example", i);
		snprintf(text, sizeof(text), "10.9.%d.%d", i / 250, i % 250);
		learn(name, &r[i], text);
	}
	assert_int_equal(alloc_live(), live);
	assert_string_equal(find("203.0.113.1"), "none");
	/* To forget one of the two would make the other certain. */
	assert_string_equal(find("203.0.113.2"), "several");
	assert_string_equal(find_pointer(&r[0].sa[0].any), "none");
	assert_string_equal(find(text), "n3999.example");
	for (int i = 0; i < 4000; i++)
		names_forget(r[i].ai);
	free(r);
}

static void test_no_memory(void **state)
{
	struct result r;

	(void)state;
	for (unsigned long at = 1; at <= 2; at++) {
		alloc_start(at);
		learn("memory.example", &r, at == 1 ? "192.0.2.90" : "192.0.2.91");
		alloc_stop();
		/* A name that is half learned is either right or not there. */
		assert_true(strcmp(find_pointer(&r.sa[0].any), "memory.example") == 0 ||
			    strcmp(find_pointer(&r.sa[0].any), "none") == 0);
		names_forget(r.ai);
	}
	assert_string_equal(find("192.0.2.91"), "none");
}

static void test_errno_is_untouched(void **state)
{
	struct result r;

	(void)state;
	errno = ENOTUNIQ;
	learn("errno.example", &r, "192.0.2.95");
	names_forget(r.ai);
	find("192.0.2.95");
	assert_int_equal(errno, ENOTUNIQ);
}

static void test_format(void **state)
{
	static const struct {
		const char *address;
		unsigned int port;
		const char *with, *without;
	} rows[] = {
		{"192.0.2.1", 443, "192.0.2.1:443", "192.0.2.1"},
		{"2001:db8::1", 65535, "[2001:db8::1]:65535", "2001:db8::1"},
		{"::ffff:192.0.2.1", 0, "192.0.2.1:0", "192.0.2.1"},
		{"::1", 1, "[::1]:1", "::1"},
	};
	const struct sockaddr local = {.sa_family = AF_UNIX};
	union address sa;
	char text[80];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		set_address(&sa, rows[i].address, rows[i].port);
		names_format(&sa.any, 1, text, sizeof(text));
		assert_string_equal(text, rows[i].with);
		names_format(&sa.any, 0, text, sizeof(text));
		assert_string_equal(text, rows[i].without);
	}
	names_format(&local, 1, text, sizeof(text));
	assert_string_equal(text, "?");
	names_format(&sa.any, 1, text, 4);
	assert_string_equal(text, "[::");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_CASE(test_learned),
		UNIT_CASE(test_mapped_address_is_the_same),
		UNIT_CASE(test_two_names_of_one_address),
		UNIT_CASE(test_same_name_again_is_not_another),
		UNIT_CASE(test_pointer_into_a_live_result_wins),
		UNIT_CASE(test_pointer_counts_and_not_its_bytes),
		UNIT_CASE(test_literals),
		UNIT_CASE(test_literal_beside_a_name),
		UNIT_CASE(test_literal_to_bind_to),
		UNIT_CASE(test_dot_at_the_end),
		UNIT_CASE(test_long_names),
		UNIT_CASE(test_more_addresses_than_pointers_kept),
		UNIT_CASE(test_other_families_are_passed_over),
		UNIT_CASE(test_no_memory),
		UNIT_CASE(test_errno_is_untouched),
		UNIT_CASE(test_format),
		UNIT_CASE(test_bounded),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
