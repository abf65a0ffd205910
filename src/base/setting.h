/* The environment variables of Sluice's own. */
#ifndef SLUICE_BASE_SETTING_H
#define SLUICE_BASE_SETTING_H

#include <stdbool.h>

/** Room for a value that can be right, and for a message to show of one that is wrong. */
enum { SL_SETTING_BYTES = 64 };

/** The value of a variable, without blanks around it. false: it asks for nothing, being unset, blank or "auto". Values are spelt as
 * those of the programs' options, in small letters. */
bool sl_setting_get(const char *name, char value[SL_SETTING_BYTES]);

#endif
