/* What a test asks of a call: that it succeeds, or how it fails, with its status and its words. */
#ifndef SLUICE_TESTS_MESSAGE_H
#define SLUICE_TESTS_MESSAGE_H

#include "support/suite.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/** The byte that a message names, as in "FILE: byte 8: ..."; SIZE_MAX: none. */
static inline size_t test_byte_of(const char *message)
{
    const char *at = strstr(message, ": byte ");
    size_t byte;
    char colon;
    return at && sscanf(at, ": byte %zu%c", &byte, &colon) == 2 && colon == ':' ? byte : SIZE_MAX;
}

/** Whether the error's row and step are those that its message begins with, as in "row 2, step 1: ..."; SIZE_MAX: none. */
static inline bool test_has_row(const sluice_error *error)
{
    size_t row = SIZE_MAX, step = SIZE_MAX;
    (void)sscanf(error->message, "row %zu, step %zu:", &row, &step);
    return error->row == row && error->step == step;
}

/** The error has this status, and a message of one line that contains `part` and names the row, step and byte that the error has;
 * `name` is the case's, for the report. */
static inline void test_check_message(const char *name, const sluice_error *error, sluice_status status, const char *part)
{
    ck_assert_msg(error->status == status, "%s: error.status %d, returned %d", name, error->status, status);
    ck_assert_msg(error->message[0] && !strchr(error->message, '\n'), "%s: not one line: \"%s\"", name, error->message);
    ck_assert_msg(strstr(error->message, part) != NULL, "%s: expected \"%s\" in \"%s\"", name, part, error->message);
    ck_assert_msg(test_has_row(error), "%s: error.row is %zu and error.step %zu, but: %s", name, error->row, error->step,
                  error->message);
    ck_assert_msg(error->byte == test_byte_of(error->message), "%s: error.byte is %zu, but: %s", name, error->byte, error->message);
}

/** test_check_message, of a call that returned `got`, in at least a few words. */
static inline void test_check_refused(const char *call, sluice_status got, sluice_status want, const sluice_error *error,
                                      const char *part)
{
    ck_assert_msg(got == want, "%s: %s (%s), expected %s", call, sluice_status_get_name(got), error->message,
                  sluice_status_get_name(want));
    ck_assert_msg(strlen(error->message) > 10, "%s: the message is \"%s\"", call, error->message);
    test_check_message(call, error, want, part);
}

/* The function, called with these arguments and an error, fails with this status, in one line that has the word. */
#define REFUSED(status, word, function, ...)                                                                                       \
    do {                                                                                                                           \
        sluice_error refused_error = {0};                                                                                          \
        const sluice_status refused_status = function(__VA_ARGS__, &refused_error);                                                \
        test_check_refused(#function "(" #__VA_ARGS__ ")", refused_status, status, &refused_error, word);                          \
    } while (0)

/* The function, called with these arguments and an error, succeeds. */
#define SUCCEEDS(function, ...)                                                                                                    \
    do {                                                                                                                           \
        sluice_error succeeds_error = {0};                                                                                         \
        ck_assert_msg(function(__VA_ARGS__, &succeeds_error) == SLUICE_STATUS_OK, #function ": %s", succeeds_error.message);       \
    } while (0)

#endif
