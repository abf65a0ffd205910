/* The pages of sluice's documentation: what --help and the manual say besides the options. */
#ifndef SLUICE_CLI_CLI_PAGES_H
#define SLUICE_CLI_CLI_PAGES_H

#include "program/options/option_table.h"

enum { SL_PAGES = 4 };
extern const sl_page sl_pages[SL_PAGES];

#endif
