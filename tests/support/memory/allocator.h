/* An allocator that fails when it is reported to, and counts what is not freed: allocator.c, linked into a program, takes the place of
 * the C library's. Only what the thread that watches asks for counts, and not what OpenMP's runtime and BLIS ask for, which end the
 * process when they get no memory and keep what they have. */
#ifndef SLUICE_TESTS_ALLOCATOR_H
#define SLUICE_TESTS_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>

/** Whether it is in place. A sanitizer, or another C library than glibc, has its own instead: then it says so, and the program ends
 *  with status 77, Meson's word for a test that was skipped. */
bool test_allocator_begin(void);

extern _Thread_local bool test_watching;  /* note this thread's allocations */
extern _Thread_local long test_countdown; /* > 0: that many allocations until the one that fails */
extern _Thread_local bool test_fired;     /* one has failed; set to false by the test */
extern size_t test_alive;                 /* blocks handed out while it watched and not freed yet */
extern size_t test_alive_bytes;           /* their sizes */
extern size_t test_peak_bytes;            /* the largest test_alive_bytes since the test last set it */

#endif
