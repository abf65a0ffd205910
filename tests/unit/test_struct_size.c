/* Structs of callers that are older or newer than the library. What the library has is played by sl_struct_type. */
#include "base/struct_size.h"
#include "support/network.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Three releases of a struct: the first ends after b, the library's after c. */
typedef struct release {
    size_t struct_size;
    size_t a, b, c, d;
} release;
enum { FIRST = offsetof(release, c), OURS = offsetof(release, d), LATER = sizeof(release) };
static const sl_struct_type type = {"release", OURS, FIRST};

TEST(taken)
{
    const release from = {FIRST, 1, 2, 3, 0};
    for (size_t size = 0; size <= LATER; size += sizeof(size_t)) {
        release given = from, to;
        sluice_error error = {0};
        given.struct_size = size;
        memset(&to, 0x5a, sizeof to);
        const release before = to;
        const sluice_status status = sl_struct_take(&to, &given, &type, "call", &error);
        ck_assert_int_eq(status, size < FIRST ? SLUICE_STATUS_BAD_ARGUMENT : SLUICE_STATUS_OK);
        ck_assert_uint_eq(to.d, before.d);
        if (status) {
            ck_assert_mem_eq(&to, &before, sizeof to);
            ck_assert_ptr_nonnull(strstr(error.message, "sizeof(release)"));
            continue;
        }
        ck_assert_uint_eq(to.struct_size, OURS);
        ck_assert(to.a == 1 && to.b == 2 && to.c == (size >= OURS ? 3 : 0));
    }
    ck_assert_int_eq(sl_struct_take(&(release){0}, NULL, &type, "call", NULL), SLUICE_STATUS_BAD_ARGUMENT);
}

/* Each byte of what the library does not know has to be 0. */
TEST(unknown_fields)
{
    for (size_t k = OURS; k < LATER; k++) {
        release given = {LATER, 1, 2, 3, 0}, to;
        sluice_error error = {0};
        ((char *)&given)[k] = 1;
        ck_assert_int_eq(sl_struct_take(&to, &given, &type, "call", &error), SLUICE_STATUS_BAD_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(error.message, "newer library"));
    }
}

/* A size that was left unset is refused before any byte is read or written by it. */
TEST(unset)
{
    static const size_t sizes[] = {SL_STRUCT_MOST + 1, (size_t)1 << 32, SIZE_MAX / 2, SIZE_MAX};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        const release from = {sizes[k], 1, 2, 3, 0};
        release to;
        sluice_error error = {0};
        memset(&to, 0x5a, sizeof to);
        const release before = to;
        ck_assert_int_eq(sl_struct_take(&to, &from, &type, "call", &error), SLUICE_STATUS_BAD_ARGUMENT);
        ck_assert_mem_eq(&to, &before, sizeof to);
        ck_assert_ptr_nonnull(strstr(error.message, "sizeof(release)"));
        ck_assert_int_eq(sl_struct_check(&from, &type, "call", NULL), SLUICE_STATUS_BAD_ARGUMENT);
    }
}

TEST(given)
{
    const release found = {OURS, 4, 5, 6, 0};
    for (size_t size = FIRST; size <= LATER; size += sizeof(size_t)) {
        release to;
        memset(&to, 0x5a, sizeof to);
        const release before = to;
        to.struct_size = size;
        ck_assert_int_eq(sl_struct_check(&to, &type, "call", NULL), SLUICE_STATUS_OK);
        sl_struct_give(&to, &found, &type);
        ck_assert(to.struct_size == size && to.a == 4 && to.b == 5);
        ck_assert_uint_eq(to.c, size >= OURS ? 6 : before.c);
        ck_assert_uint_eq(to.d, size >= LATER ? 0 : before.d);
    }
}
