/* The half of `sluice info` that looks at the machine. */
#ifndef SLUICE_CLI_INFO_H
#define SLUICE_CLI_INFO_H

#include "options.h"

/** Print what an engine with these options would use here, and why. */
sl_exit sl_info_environment(const sl_options *options);

#endif
