/* sluice evaluate --text: lines LABEL<TAB>TEXT, read in batches. */
#include "cli/evaluate/evaluation.h"

#include "cli/input/chunk_rows.h"
#include "cli/input/lines.h"
#include "cli/train/data/labelled_line.h"
#include "program/interrupt.h"
#include "program/progress.h"

#include <stdlib.h>

typedef struct text_evaluation {
    sl_model_evaluation *evaluation;
    sl_lines *lines;
    sl_labels labels; /* the names of the model's classes */
    sl_labelled_lines labelled;
    size_t *offsets;  /* of the texts of a batch, without their labels */
    int64_t *lengths; /* likewise */
    int32_t *numbers; /* the labels of a batch */
    uint64_t total;
} text_evaluation;

static sl_exit open_lines(text_evaluation *text)
{
    sl_model_evaluation *evaluation = text->evaluation;
    const sl_options *options = evaluation->options;
    sl_exit code = sl_lines_check_model(options->model, evaluation->model);
    code = code ? code : sl_model_evaluation_begin(evaluation, 1);
    code = code ? code : sl_labels_take_classes(&text->labels, options->model, evaluation->model);
    if (code)
        return code;
    const size_t rows = sl_chunk_rows_get(options, evaluation->info.threads, sl_model_evaluation_get_row_bytes(evaluation, 1));
    code =
        sl_lines_open(evaluation->input, rows, options->keep_cr ? SL_LINES_KEEP_CR : SL_LINES_DROP_CR, &text->lines, &text->total);
    if (code)
        return code;
    const size_t most = sl_lines_get_rows(text->lines);
    text->offsets = calloc(most, sizeof *text->offsets);
    text->lengths = calloc(most, sizeof *text->lengths);
    text->numbers = calloc(most, sizeof *text->numbers);
    return text->offsets && text->lengths && text->numbers ? SL_EXIT_OK : sl_report_memory_of_rows("the labels");
}

static sl_exit add_lines(text_evaluation *text, const sl_lines_batch *lines)
{
    const size_t first = (size_t)lines->first_line - 1;
    sl_lines_batch texts = *lines;
    sl_exit code = SL_EXIT_OK;
    texts.offsets = text->offsets;
    texts.lengths = text->lengths;
    texts.longest = 0;
    for (size_t n = 0; !code && n < lines->rows; n++) {
        const size_t length = (size_t)lines->lengths[n];
        size_t begin = 0;
        code = sl_labelled_line_take(&text->labelled, first + n + 1, lines->tokens + lines->offsets[n], length, &text->numbers[n],
                                     &begin);
        text->offsets[n] = lines->offsets[n] + begin;
        text->lengths[n] = (int64_t)(length - begin);
        texts.longest = length - begin > texts.longest ? length - begin : texts.longest;
    }
    code = code ? code : sl_lines_check_tokens(text->lines, &texts, text->evaluation->shape.vocabulary);
    const sluice_batch batch = sl_lines_get_batch(&texts);
    return code ? code : sl_model_evaluation_add(text->evaluation, &batch, first, text->numbers, NULL);
}

static sl_exit evaluate(text_evaluation *text)
{
    sl_exit code = open_lines(text);
    if (code)
        return code;
    sl_progress_start(text->evaluation->options->progress, text->total);
    for (;;) {
        sl_lines_batch lines;
        code = sl_lines_read(text->lines, &lines);
        if (!code && sl_interrupt_seen())
            code = SL_EXIT_INTERRUPTED;
        if (code || !lines.rows)
            return code;
        code = add_lines(text, &lines);
        if (code)
            return code;
        sl_progress_update(lines.end, text->evaluation->rows);
    }
}

sl_exit sl_evaluate_text(sl_model_evaluation *evaluation)
{
    text_evaluation text = {.evaluation = evaluation};
    text.labelled = (sl_labelled_lines){.path = evaluation->input, .labels = &text.labels, .known_of = "the model"};
    const sl_exit code = evaluate(&text);
    sl_lines_close(text.lines);
    sl_labels_release(&text.labels);
    sl_labelled_lines_release(&text.labelled);
    free(text.offsets);
    free(text.lengths);
    free(text.numbers);
    return code;
}
