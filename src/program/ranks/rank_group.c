#include "program/ranks/rank_group.h"

#include "base/size.h"
#include "program/report.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What ranks say when all agree: of one rank, or of several that are known. */
typedef struct statement {
    size_t failed, interrupted;        /* the lowest rank that has failed, or was interrupted; SIZE_MAX: none */
    int32_t code, least, most;         /* of `failed`; of all */
    uint8_t flag;                      /* of rank 0, else 0 */
    uint8_t is_any_last, are_all_last; /* last: the rank's command has ended */
} statement;

static struct {
    const sluice_exchange *exchange; /* NULL: alone */
    unsigned sharing;
    bool ended; /* the ranks have agreed to end with `code` */
    sl_exit code;
} group;

sl_exit sl_group_install(const sluice_exchange *exchange, unsigned sharing)
{
    if (!exchange || exchange->ranks < 2)
        return SL_EXIT_OK;
    group.exchange = exchange;
    group.sharing = sharing;
    sl_report_hold(exchange->rank == 0);
    if (exchange->rank && !freopen("/dev/null", "w", stdout))
        return sl_report(SL_EXIT_IO, "/dev/null: cannot be opened: %s; make the device", strerror(errno));
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

static sl_exit send_receive(size_t to, const void *sent, size_t sent_bytes, size_t from, void *received, size_t received_bytes)
{
    const sluice_exchange *exchange = group.exchange;
    if (!exchange->send_receive(exchange->context, to, sent, sent_bytes, from, received, received_bytes))
        return SL_EXIT_OK;
    return fail_exchange(sl_report(SL_EXIT_IO,
                                   "no agreement with the ranks %zu and %zu: sending to them or receiving from them failed; see "
                                   "whether they still run, and start all ranks anew",
                                   to, from));
}

/* Bring the message of a rank to rank 0, which prints it. */
static sl_exit print_of(size_t speaker, sl_exit code, bool is_alike)
{
    const size_t rank = group.exchange->rank;
    char text[SL_REPORT_BYTES], prefix[48] = "";
    sl_exit failed = SL_EXIT_OK;
    if (rank == speaker)
        memcpy(text, sl_report_get_held(), sizeof text);
    if (speaker && rank == speaker)
        failed = send_receive(0, text, sizeof text, 0, NULL, 0);
    else if (speaker && rank == 0)
        failed = send_receive(speaker, NULL, 0, speaker, text, sizeof text);
    if (failed)
        return failed;
    if (!is_alike)
        snprintf(prefix, sizeof prefix, "rank %zu: ", speaker);
    if (rank == 0 && *text)
        sl_report_print(prefix, text);
    return code;
}

static void add(statement *all, const statement *other)
{
    all->code = other->failed < all->failed ? other->code : all->code;
    all->failed = sl_size_min(all->failed, other->failed);
    all->interrupted = sl_size_min(all->interrupted, other->interrupted);
    all->least = other->least < all->least ? other->least : all->least;
    all->most = other->most > all->most ? other->most : all->most;
    all->flag |= other->flag;
    all->is_any_last |= other->is_any_last;
    all->are_all_last &= other->are_all_last;
}

/* Make a rank's statement that of all. Each takes what the rank knows that follows so many ranks later: all know of all after log2 R rounds,
 * for which none needs memory that it might not get; a rank that is heard of twice changes nothing. */
static sl_exit gather(statement *all)
{
    const size_t ranks = group.exchange->ranks, rank = group.exchange->rank;
    sl_exit failed = SL_EXIT_OK;
    for (size_t distance = 1; !failed && distance < ranks; distance *= 2) {
        statement other = *all;
        failed = send_receive((rank + ranks - distance) % ranks, all, sizeof *all, (rank + distance) % ranks, &other, sizeof other);
        add(all, &other);
    }
    return failed;
}

static sl_exit fail_other(void)
{
    return sl_report(SL_EXIT_USAGE, "the command lines of the ranks differ; give all the same");
}

static sl_exit agree(sl_exit code, bool *flag, bool is_last)
{
    if (!group.exchange || group.ended)
        return group.ended ? group.code : code;
    const size_t rank = group.exchange->rank;
    const bool is_interrupted = code == SL_EXIT_INTERRUPTED;
    statement all = {.failed = code && !is_interrupted ? rank : SIZE_MAX,
                     .interrupted = is_interrupted ? rank : SIZE_MAX,
                     .code = (int32_t)code,
                     .least = (int32_t)code,
                     .most = (int32_t)code,
                     .flag = rank == 0 && *flag,
                     .is_any_last = is_last,
                     .are_all_last = is_last};
    const sl_exit lost = gather(&all);
    if (lost)
        return lost;
    *flag = all.flag;
    const bool has_failed = all.failed < SIZE_MAX, was_interrupted = all.interrupted < SIZE_MAX;
    const sl_exit agreed = has_failed ? (sl_exit)all.code : was_interrupted ? SL_EXIT_INTERRUPTED : SL_EXIT_OK;
    if (has_failed || (was_interrupted && all.is_any_last)) {
        end(agreed);
        return print_of(has_failed ? all.failed : all.interrupted, agreed, all.least == all.most);
    }
    if (all.is_any_last && !all.are_all_last) {
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

static sl_exit fail_text(void)
{
    return sl_report_memory("a text of all ranks");
}

sl_exit sl_group_share_text(const char *own, char **text)
{
    const size_t ranks = sl_group_count(), bytes = strlen(own) + 1;
    size_t *sizes = calloc(ranks, sizeof *sizes), longest = 0, total = 0;
    sl_exit code = sl_group_agree(sizes ? SL_EXIT_OK : fail_text());
    code = code ? code : sl_group_gather(&bytes, sizeof bytes, sizes);
    for (size_t r = 0; !code && r < ranks; r++)
        longest = sizes[r] > longest ? sizes[r] : longest;
    free(sizes);
    if (code)
        return code;
    char *block = calloc(longest, 1);
    *text = sl_size_mul(ranks, longest, &total) ? calloc(total, 1) : NULL;
    code = sl_group_agree(block && *text ? SL_EXIT_OK : fail_text());
    if (!code)
        code = sl_group_gather(memcpy(block, own, bytes), longest, *text);
    free(block);
    return code;
}
