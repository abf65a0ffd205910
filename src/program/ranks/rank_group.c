#include "program/ranks/rank_group.h"

#include "base/size.h"
#include "program/report.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a rank says when all agree. */
typedef struct statement {
    int32_t code;
    uint8_t flag, is_last; /* is_last: the rank's command has ended */
} statement;

static struct {
    const sluice_exchange *exchange; /* NULL: alone */
    unsigned sharing;
    statement *statements; /* [ranks] of the last agreement; freed by the end of the process */
    bool ended;            /* the ranks have agreed to end with `code` */
    sl_exit code;
} group;

sl_exit sl_group_install(const sluice_exchange *exchange, unsigned sharing)
{
    if (!exchange || exchange->ranks < 2)
        return SL_EXIT_OK;
    group.exchange = exchange;
    group.sharing = sharing;
    group.statements = calloc(exchange->ranks, sizeof *group.statements);
    if (!group.statements)
        return sl_report_memory("what the ranks exchange");
    if (exchange->rank && !freopen("/dev/null", "w", stdout))
        return sl_report(SL_EXIT_IO, "/dev/null: cannot be opened: %s; make the device", strerror(errno));
    sl_report_hold(exchange->rank == 0);
    return SL_EXIT_OK;
}

const sluice_exchange *sl_group_get_exchange(void)
{
    return group.exchange;
}

size_t sl_group_count(void)
{
    return group.exchange ? group.exchange->ranks : 1;
}

size_t sl_group_get_own(void)
{
    return group.exchange ? group.exchange->rank : 0;
}

bool sl_group_is_first(void)
{
    return sl_group_get_own() == 0;
}

unsigned sl_group_get_sharing(void)
{
    return group.exchange ? group.sharing : 1;
}

/* ---- Agreement -------------------------------------------------------------------------------------------------------------- */

static sl_exit end(sl_exit code)
{
    group.ended = true;
    group.code = code;
    return code;
}

/* The exchange itself has failed, so that there is no way to reach the other ranks. */
static sl_exit fail_exchange(sl_exit code)
{
    char text[SL_REPORT_BYTES];
    snprintf(text, sizeof text, "rank %zu: ", group.exchange->rank);
    sl_report_print(text, sl_report_get_held());
    return end(code);
}

/* Bring the message of a rank to rank 0, which prints it. */
static sl_exit print_of(size_t speaker, sl_exit code, bool is_alike)
{
    const sluice_exchange *exchange = group.exchange;
    char text[SL_REPORT_BYTES], prefix[48] = "";
    int failed = 0;
    if (exchange->rank == speaker)
        memcpy(text, sl_report_get_held(), sizeof text);
    if (speaker && exchange->rank == speaker)
        failed = exchange->send_receive(exchange->context, 0, text, sizeof text, 0, NULL, 0);
    else if (speaker && exchange->rank == 0)
        failed = exchange->send_receive(exchange->context, speaker, NULL, 0, speaker, text, sizeof text);
    if (failed)
        return fail_exchange(SL_EXIT_IO);
    if (!is_alike)
        snprintf(prefix, sizeof prefix, "rank %zu: ", speaker);
    if (exchange->rank == 0 && *text)
        sl_report_print(prefix, text);
    return code;
}

/* The rank whose code is that of all: the lowest that failed, or else that was interrupted. */
static size_t find_speaker(void)
{
    const size_t ranks = group.exchange->ranks;
    size_t interrupted = ranks;
    for (size_t r = ranks; r--;)
        interrupted = group.statements[r].code == SL_EXIT_INTERRUPTED ? r : interrupted;
    for (size_t r = 0; r < ranks; r++)
        if (group.statements[r].code && group.statements[r].code != SL_EXIT_INTERRUPTED)
            return r;
    return interrupted < ranks ? interrupted : 0;
}

static sl_exit fail_other(void)
{
    return sl_report(SL_EXIT_USAGE, "the command lines of the ranks differ; give all the same");
}

static sl_exit agree(sl_exit code, bool *flag, bool is_last)
{
    if (!group.exchange || group.ended)
        return group.ended ? group.code : code;
    const statement mine = {.code = (int32_t)code, .flag = *flag, .is_last = is_last};
    const sl_exit failed = sl_group_gather(&mine, sizeof mine, group.statements);
    if (failed)
        return fail_exchange(failed);
    *flag = group.statements[0].flag;
    size_t last = 0, alike = 0;
    const size_t ranks = group.exchange->ranks, speaker = find_speaker();
    const sl_exit agreed = (sl_exit)group.statements[speaker].code;
    for (size_t r = 0; r < ranks; r++) {
        last += group.statements[r].is_last;
        alike += group.statements[r].code == group.statements[speaker].code;
    }
    if (agreed && (last || agreed != SL_EXIT_INTERRUPTED)) {
        end(agreed);
        return print_of(speaker, agreed, alike == ranks);
    }
    if (last && last < ranks) {
        end(fail_other());
        return print_of(0, SL_EXIT_USAGE, true);
    }
    return agreed;
}

sl_exit sl_group_agree(sl_exit code)
{
    bool unused = false;
    return agree(code, &unused, false);
}

sl_exit sl_group_agree_on(sl_exit code, bool *flag)
{
    return agree(code, flag, false);
}

sl_exit sl_group_finish(sl_exit code)
{
    bool unused = false;
    return agree(code, &unused, true);
}

sl_exit sl_group_compare(const char *word)
{
    enum { WORD_BYTES = 32 };
    if (!group.exchange)
        return SL_EXIT_OK;
    char own[WORD_BYTES] = "";
    char *all = calloc(group.exchange->ranks, WORD_BYTES);
    sl_exit code = sl_group_agree(all ? SL_EXIT_OK : sl_report_memory("what the ranks exchange"));
    snprintf(own, sizeof own, "%s", word);
    code = code ? code : sl_group_gather(own, sizeof own, all);
    for (size_t r = 1; !code && r < group.exchange->ranks; r++)
        if (memcmp(all, all + r * WORD_BYTES, WORD_BYTES) != 0)
            code = fail_other();
    free(all);
    return code;
}

/* ---- Other exchanges -------------------------------------------------------------------------------------------------------- */

sl_exit sl_group_gather(const void *block, size_t bytes, void *all)
{
    sluice_error error;
    return sl_report_status(sluice_exchange_gather(group.exchange, block, bytes, all, &error), &error);
}

sl_exit sl_group_share_text(const char *own, char **text)
{
    const size_t ranks = sl_group_count(), bytes = strlen(own) + 1;
    size_t *sizes = calloc(ranks, sizeof *sizes), longest = 0, total = 0;
    sl_exit code = sizes ? sl_group_gather(&bytes, sizeof bytes, sizes) : sl_report_memory("a text of all ranks");
    for (size_t r = 0; !code && r < ranks; r++)
        longest = sizes[r] > longest ? sizes[r] : longest;
    free(sizes);
    if (code)
        return code;
    char *block = calloc(longest, 1);
    *text = sl_size_mul(ranks, longest, &total) ? calloc(total, 1) : NULL;
    if (block && *text)
        code = sl_group_gather(memcpy(block, own, bytes), longest, *text);
    else
        code = sl_report_memory("a text of all ranks");
    free(block);
    return code;
}
