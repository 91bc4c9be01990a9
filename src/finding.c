/* SPDX-License-Identifier: MIT */
#include "finding.h"

#include <stdarg.h>
#include <stdio.h>

const char *finding_date(time_t t, char out[FINDING_DATE])
{
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(out, FINDING_DATE, "%Y-%m-%d %H:%M UTC", &tm))
		snprintf(out, FINDING_DATE, "?");
	return out;
}

void finding_set(struct finding *f, enum finding_state state, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(f->text, sizeof(f->text), format, ap);
	va_end(ap);
	f->state = state;
	f->until = 0;
}
