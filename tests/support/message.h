/* What a test asks of a failure: its status and its words. */
#ifndef SLUICE_TESTS_MESSAGE_H
#define SLUICE_TESTS_MESSAGE_H

#include "sluice.h"

#include "support/suite.h"

#include <string.h>

/** The error has this status and a message of one line that contains `part`; `name` is the case's, for the report. */
static inline void test_check_message(const char *name, const sluice_error *error, sluice_status status, const char *part)
{
    ck_assert_msg(error->status == status, "%s: error.status %d, returned %d", name, error->status, status);
    ck_assert_msg(error->message[0] && !strchr(error->message, '\n'), "%s: not one line: \"%s\"", name, error->message);
    ck_assert_msg(strstr(error->message, part) != NULL, "%s: expected \"%s\" in \"%s\"", name, part, error->message);
}

#endif
