/* SPDX-License-Identifier: MIT */
/* Which of its chains a server shows. */
#include "enginesession.h"

int engine_choose_identity(struct engine *e)
{
	char name[256] = "";
	size_t len = sizeof(name) - 1;
	unsigned int type;
	void *chosen;

	/* A name that does not fit is none of the DNS's. */
	if (gnutls_server_name_get(e->session, name, &len, &type, 0) < 0 ||
	    type != GNUTLS_NAME_DNS || len == 0)
		return 0;
	name[len] = '\0';
	if (!credentials_for_name(e->credentials, name, &chosen) &&
	    e->settings->numbers[SETTING_UNKNOWN_NAME] == 1) {
		engine_explain(e, "the client asks for \"%s\", which none of the certificates has",
			       name);
		return GNUTLS_E_UNRECOGNIZED_NAME;
	}
	return gnutls_credentials_set(e->session, GNUTLS_CRD_CERTIFICATE, chosen);
}
