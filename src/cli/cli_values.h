/* Kinds of option values that only sluice has. Their field is the whole sl_options. */
#ifndef SLUICE_CLI_CLI_VALUES_H
#define SLUICE_CLI_CLI_VALUES_H

#include "program/options/option_table.h"

extern const sl_option_kind sl_value_layout;
extern const sl_option_kind sl_value_schedule;
extern const sl_option_kind sl_value_every;
extern const sl_option_kind sl_value_curve;

#endif
