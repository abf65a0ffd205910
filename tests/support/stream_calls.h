/* Stream sets for tests; each function ends the test on failure. */
#ifndef SLUICE_TESTS_STREAMS_H
#define SLUICE_TESTS_STREAMS_H

#include "support/network.h"
#include "support/suite.h"

/** A set; owned. */
static inline sluice_streams *test_streams_create(const sluice_engine *engine, size_t slots)
{
    sluice_streams *streams = NULL;
    sluice_error error = {0};
    const sluice_status status = sluice_streams_create(engine, slots, &streams, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "sluice_streams_create: %s", error.message);
    ck_assert_ptr_nonnull(streams);
    ck_assert_uint_eq(sluice_streams_get_slots(streams), slots);
    return streams;
}

/** Set a slot's state; it has to succeed. */
static inline void test_streams_set(sluice_streams *streams, size_t slot, const float *h, const float *c)
{
    SUCCEEDS(sluice_streams_set, streams, slot, h, c);
}

/** A slot's state is h and c, each of `count` floats; NULL: zeros. */
static inline void test_streams_check(sluice_streams *streams, size_t slot, const float *h, const float *c, size_t count,
                                      const char *what)
{
    FREED float *found_h = test_floats(count), *found_c = test_floats(count), *zeros = calloc(count, sizeof *zeros);
    SUCCEEDS(sluice_streams_get, streams, slot, found_h, found_c);
    test_same_bits(found_h, h ? h : zeros, count, what);
    test_same_bits(found_c, c ? c : zeros, count, what);
}

#endif
