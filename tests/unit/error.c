/* SPDX-License-Identifier: MIT */
/* GnuTLS's results as errno values and sentences. */
#include "error.h"
#include "unit.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <string.h>

struct row {
	int result, error;
	const char *text; /* a part of the sentence, NULL: GnuTLS's own */
};

static const struct row rows[] = {
	{GNUTLS_E_SUCCESS, 0, "no error"},
	{1, 0, NULL},
	{16384, 0, NULL},
	{GNUTLS_E_AGAIN, -EAGAIN, NULL},
	{GNUTLS_E_INTERRUPTED, -EAGAIN, NULL},
	{GNUTLS_E_MEMORY_ERROR, -ENOMEM, NULL},
	{GNUTLS_E_TIMEDOUT, -ETIMEDOUT, NULL},
	{GNUTLS_E_DECRYPTION_FAILED, -EBADMSG, "damaged"},
	{GNUTLS_E_RECORD_OVERFLOW, -EBADMSG, "longer than TLS allows"},
	{GNUTLS_E_TOO_MANY_EMPTY_PACKETS, -EBADMSG, "empty records"},
	{GNUTLS_E_PREMATURE_TERMINATION, -ECONNRESET, "without a word"},
	{GNUTLS_E_UNEXPECTED_PACKET_LENGTH, -EPROTO, "does not speak TLS"},
	{GNUTLS_E_UNEXPECTED_PACKET, -EPROTO, "does not speak TLS"},
	{GNUTLS_E_UNSUPPORTED_VERSION_PACKET, -EPROTO, "no version"},
	{GNUTLS_E_FILE_ERROR, -ENOENT, NULL},
	{GNUTLS_E_PUSH_ERROR, -EPIPE, NULL},
	{GNUTLS_E_PULL_ERROR, -ECONNRESET, NULL},
	{GNUTLS_E_FATAL_ALERT_RECEIVED, -EPROTO, NULL},
	{GNUTLS_E_CERTIFICATE_ERROR, -EPROTO, NULL},
	{GNUTLS_E_NO_CIPHER_SUITES, -EPROTO, "no version, cipher suite and group"},
	{GNUTLS_E_KEY_USAGE_VIOLATION, -EPROTO, "key usage"},
	{GNUTLS_E_INTERNAL_ERROR, -EPROTO, NULL},
};

static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const struct row *row = &rows[i];
		const char *text = error_text(row->result);

		if (error_from_gnutls(row->result) != row->error)
			fail_msg("result %d is errno %d, not %d", row->result,
				 -error_from_gnutls(row->result), -row->error);
		if (row->text && !strstr(text, row->text))
			fail_msg("result %d is \"%s\", without \"%s\"", row->result, text,
				 row->text);
		if (!row->text && row->result < 0)
			assert_string_equal(text, gnutls_strerror(row->result));
	}
}

static void test_every_result_has_both(void **state)
{
	(void)state;
	for (int result = -5000; result < 0; result++) {
		int error = error_from_gnutls(result);

		if (error >= 0 || error < -133)
			fail_msg("result %d is %d", result, error);
		assert_non_null(error_text(result));
		assert_string_not_equal(error_text(result), "");
	}
}

static void test_errno_text(void **state)
{
	(void)state;
	assert_string_equal(error_errno_text(ECONNRESET), "Connection reset by peer");
	assert_string_equal(error_errno_text(ENOENT), "No such file or directory");
	assert_string_equal(error_errno_text(123456), "unknown error");
	assert_string_equal(error_errno_text(-1), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		UNIT_CASE(test_table),
		UNIT_CASE(test_every_result_has_both),
		UNIT_CASE(test_errno_text),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
