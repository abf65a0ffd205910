/* Cases of a random test: a few named numbers each, printed and read as one line, run apart from the test, and made smaller as long
 * as they fail. What the numbers mean is the test's. */
#ifndef SLUICE_TESTS_CASES_H
#define SLUICE_TESTS_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TEST_FIELDS_MAX = 40, TEST_LINE_BYTES = 1024 };

/** What one of a case's numbers may be. */
typedef struct test_field {
    const char *name;
    uint64_t least, most;     /* of all values the least is the simplest; a line leaves it out */
    const char *const *words; /* [most + 1], what a line says for each value; NULL: the number */
    bool fixed;               /* not to be made smaller: a seed */
} test_field;

typedef struct test_fields {
    const test_field *field;
    size_t count; /* at most TEST_FIELDS_MAX */
} test_fields;

typedef struct test_case {
    uint64_t value[TEST_FIELDS_MAX]; /* in the order of the fields */
} test_case;

/** What was found wrong, in words; "" for nothing. */
typedef struct test_verdict {
    char text[512];
    bool hung; /* that it came to no end in time */
} test_verdict;

/** Try a case. One that cannot be is found right. */
typedef test_verdict test_judge(const test_case *given);

/** "name=value ..." of all that is not the simplest; line has TEST_LINE_BYTES. */
void test_case_print(const test_fields *fields, const test_case *given, char *line);

/** The case of such a line. The verdict is about the line. */
test_verdict test_case_parse(const test_fields *fields, const char *line, test_case *parsed);

/** Whether cases are tried in processes of their own: always, but where Check makes none either (CK_FORK=no), for a
 * debugger or the thread sanitizer. */
bool test_cases_are_apart(void);

/** Try cases one after the other, in a child process, until one fails, crashes, or goes on for more than `seconds`; the index of
 * that case, or count, and in *why what was wrong. The calling process must have no other threads. Where cases are not apart, a
 * crash is a crash, and nobody counts the seconds. */
size_t test_cases_apart(const test_case *cases, size_t count, test_judge *judge, unsigned seconds, test_verdict *why);

/** The smallest case found that still fails, none of whose numbers can be halved or lowered by one any more, and in *why what is
 * wrong with it. `failing` fails, and *why says so; unless it hung, those that hang, as any may on a busy machine, do not count as
 * failing. Gives up looking after some minutes. */
test_case test_case_shrink(const test_fields *fields, test_case failing, test_judge *judge, test_verdict *why);

#endif
