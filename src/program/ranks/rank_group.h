/* The ranks of a program: processes that share one command. Each runs the whole command. They wait for each other where one of the functions
 * below exchanges something, or the library does, which all of them call in the same order. A program by itself is the only rank; nothing
 * is exchanged then. */
#ifndef SLUICE_PROGRAM_RANK_GROUP_H
#define SLUICE_PROGRAM_RANK_GROUP_H

#include "program/exit.h"
#include "sluice_train.h"

#include <stdbool.h>
#include <stddef.h>

/** Be one of the ranks of an exchange; call it before anything is reported. NULL: alone. `sharing`: how many ranks, with this one, run
 *  on the same CPUs. From then on messages wait until the ranks agree on an exit code (sl_report_hold), and what ranks other than the
 *  first print on standard output is dropped. SL_EXIT_IO, reported: there is no /dev/null; to be agreed on. */
sl_exit sl_group_install(const sluice_exchange *exchange, unsigned sharing);

/** The exchange; NULL: alone. */
const sluice_exchange *sl_group_get_exchange(void);

/** The number of ranks; this one's number. */
size_t sl_group_count(void);
size_t sl_group_get_own(void);

/** Whether this is rank 0, which writes files and prints. */
bool sl_group_is_first(void);

/** How many ranks, with this one, run on the same CPUs. */
unsigned sl_group_get_sharing(void);

/**
 * Agree on an exit code; call it before the library exchanges anything. It is that of the lowest rank that failed, else
 * SL_EXIT_INTERRUPTED if any rank was interrupted. A failure's message is printed by rank 0, and names the rank unless all failed alike.
 * After a failure nothing is exchanged any more, and further calls return the same code. So a rank that fails by itself has only to
 * return up to sl_group_finish: the others wait for it at one of these calls. Allocates nothing.
 */
sl_exit sl_group_agree(sl_exit code);

/** Likewise, and all take rank 0's *flag. */
sl_exit sl_group_agree_on(sl_exit code, bool *flag);

/** Refuse (and report, on all ranks) words that differ, of which the first 31 bytes are compared: the command. */
sl_exit sl_group_compare(const char *word);

/** The end of the command: agree for the last time. */
sl_exit sl_group_finish(sl_exit code);

/** Give all ranks the block [bytes] of each: `all` [ranks][bytes], by rank. Errors are reported. A rank that cannot call it has to say so
 *  by sl_group_agree before, as the others wait for it here. */
sl_exit sl_group_gather(const void *block, size_t bytes, void *all);

/** Give all ranks the text of rank 0, in *text, which the caller frees. Errors are reported. */
sl_exit sl_group_share_text(const char *own, char **text);

#endif
