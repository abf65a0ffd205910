/* Manual pages, written from the table of options. */
#ifndef SLUICE_PROGRAM_PAGES_MAN_PAGE_H
#define SLUICE_PROGRAM_PAGES_MAN_PAGE_H

#include "program/options/option_table.h"

#include <stdio.h>

/** Name of a page: "sluice-run". Returns text. */
enum { SL_PAGE_NAME_BYTES = 64 };
const char *sl_man_page_get_name(const sl_program *program, const sl_page *page, char text[SL_PAGE_NAME_BYTES]);

/** Write a page for man(1), section 1. Its date is SOURCE_DATE_EPOCH; without that variable there is no date, so that the same sources
 *  always give the same bytes. */
void sl_man_page_write(const sl_program *program, const sl_page *page, FILE *stream);

#endif
