/* Kinds of option values that sluice alone has. */
#ifndef SLUICE_CLI_CLI_VALUES_H
#define SLUICE_CLI_CLI_VALUES_H

#include "program/options/option_table.h"

extern const sl_option_kind sl_value_number;   /* size_t: the row's least..most; most 0: any that fits */
extern const sl_option_kind sl_value_threads;  /* unsigned: likewise */
extern const sl_option_kind sl_value_seed;     /* uint64_t */
extern const sl_option_kind sl_value_real;     /* double >= 0 */
extern const sl_option_kind sl_value_positive; /* double > 0 */
extern const sl_option_kind sl_value_share;    /* double, 0 <= s < 1 */

/* These take the program's sl_options as their field: */
extern const sl_option_kind sl_value_layout;
extern const sl_option_kind sl_value_schedule;
extern const sl_option_kind sl_value_initializer;
extern const sl_option_kind sl_value_every;
extern const sl_option_kind sl_value_curve;

#endif
