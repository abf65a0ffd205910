#include "cli/input/npy_input.h"

#include "base/size.h"
#include "sluice_train.h"

#include <stdio.h>
#include <stdlib.h>

enum { EXPECTED_BYTES = 256 }; /* room for the description of an expected array */

/* Suggest how to turn the array `a` into an input of this model, if its shape allows a guess. */
static const char *get_remedy(const sl_npy_header *header, const sluice_shape *shape)
{
    const size_t last = header->dims ? header->shape[header->dims - 1] : 0;
    if (shape->vocabulary && header->dims == 3)
        return last == 1 ? "save a[:, :, 0]" : "save a.argmax(-1), if these are one-hot vectors of tokens";
    if (!shape->vocabulary && header->dims == 2 && (last == shape->inputs || shape->inputs == 1))
        return last == shape->inputs ? "save a[None] or, for --layout tnc, a[:, None], if this is one row" : "save a[:, :, None]";
    if (!shape->vocabulary && header->dims == 2 && sl_npy_type_is_integer(header->type))
        return "if these are tokens, name the embedding tensor [V][I] with --embedding-name";
    if (!shape->vocabulary && header->dims == 3 && header->shape[1] == shape->inputs)
        return "save a.transpose(0, 2, 1), if the last axis is the steps";
    return "give arrays of the model's shape, or another model";
}

static sl_exit check_x(sl_npy_input *input)
{
    sl_npy_array *x = &input->x;
    const sluice_shape *shape = &input->shape;
    const sl_npy_header *header = &x->header;
    const bool step_first = input->step_first;
    const char *axes = step_first ? "[T][N]" : "[N][T]";
    char expected[EXPECTED_BYTES];
    if (shape->vocabulary)
        snprintf(expected, sizeof expected, "tokens %s (the model has an embedding)", axes);
    else
        snprintf(expected, sizeof expected, "numbers %s[%zu] (the model's I)", axes, shape->inputs);
    if (header->dims != (shape->vocabulary ? 2 : 3) || (!shape->vocabulary && header->shape[2] != shape->inputs))
        return sl_npy_array_reject(x, expected, get_remedy(header, shape));
    input->rows = header->shape[step_first];
    input->steps = header->shape[!step_first];
    input->width = shape->vocabulary ? 1 : shape->inputs;
    x->rows = input->rows;
    x->planes = step_first ? input->steps : 1;
    x->width = step_first ? input->width
                          : input->steps * input->width; /* overflows only if N is 0: sl_npy_open has checked the product with N */
    return sl_npy_array_accept(x, shape->vocabulary ? SL_NPY_ARRAY_INTEGERS : SL_NPY_ARRAY_REALS);
}

static sl_exit check_mask(sl_npy_input *input)
{
    sl_npy_array *mask = &input->mask;
    const sl_npy_header *header = &mask->header;
    const bool step_first = input->step_first;
    char expected[EXPECTED_BYTES];
    snprintf(expected, sizeof expected, "b1 or u1 [%zu][%zu] (%s of %s)", step_first ? input->steps : input->rows,
             step_first ? input->rows : input->steps, step_first ? "T and N" : "N and T", input->x.option);
    if (mask->path && (header->dims != 2 || header->shape[step_first] != input->rows ||
                       header->shape[!step_first] != input->steps || (header->type != SL_NPY_B1 && header->type != SL_NPY_U1)))
        return sl_npy_array_reject(mask, expected, "save a mask of the input's shape, (mask != 0)");
    mask->rows = input->rows;
    mask->planes = step_first ? input->steps : 1;
    mask->width = step_first ? 1 : input->steps;
    return sl_npy_array_accept(mask, SL_NPY_ARRAY_FLAGS);
}

sl_exit sl_npy_input_open(sl_npy_input *input)
{
    sl_exit code = sl_npy_array_open(&input->x);
    code = code ? code : sl_npy_array_open(&input->lengths);
    code = code ? code : sl_npy_array_open(&input->mask);
    code = code ? code : check_x(input);
    code = code ? code : sl_lengths_check(&input->lengths, input->rows, input->x.option);
    return code ? code : check_mask(input);
}

/* All lengths, in *to, of `rows` elements. */
static sl_exit read_lengths(const sl_npy_input *input, int64_t *to)
{
    sl_npy_array whole = input->lengths; /* with the same reader, and memory of its own */
    uint64_t sum;
    whole.data = NULL;
    sl_exit code = sl_npy_array_allocate(&whole, input->rows, false);
    code = code ? code : sl_npy_array_read(&whole, 0, input->rows);
    code = code ? code : sl_lengths_take(&whole, 0, input->rows, input->steps, input->x.option, to, &sum);
    free(whole.data);
    return code;
}

sl_exit sl_npy_input_cut(const sl_npy_input *input, size_t part, size_t parts, size_t *first, size_t *end)
{
    const bool is_ragged = input->lengths.path && input->rows;
    int64_t *lengths = is_ragged ? calloc(input->rows, sizeof *lengths) : NULL;
    size_t *bounds = calloc(parts + 1, sizeof *bounds);
    sluice_error error;
    sl_exit code = bounds && (lengths || !is_ragged) ? SL_EXIT_OK : sl_report_memory("the lengths of all rows");
    if (!code && is_ragged)
        code = read_lengths(input, lengths);
    if (!code)
        code = sl_report_status(sluice_shards_cut(input->rows, input->steps, lengths, parts, bounds, &error), &error);
    if (!code) {
        *first = bounds[part - 1];
        *end = bounds[part];
    }
    free(lengths);
    free(bounds);
    return code;
}

double sl_npy_input_get_row_bytes(const sl_npy_input *input)
{
    const double tokens = input->shape.vocabulary ? (double)input->steps * sizeof *input->tokens : 0;
    return tokens + sl_npy_array_get_row_bytes(&input->x) + sl_npy_array_get_row_bytes(&input->lengths) +
           sl_npy_array_get_row_bytes(&input->mask);
}

sl_exit sl_npy_input_allocate(sl_npy_input *input, size_t chunk)
{
    sl_exit code = sl_npy_array_allocate(&input->x, chunk, false);
    code = code ? code : sl_npy_array_allocate(&input->lengths, chunk, false);
    code = code ? code : sl_npy_array_allocate(&input->mask, chunk, false);
    if (code)
        return code;
    size_t elements;
    if (input->shape.vocabulary) {
        if (sl_size_mul(chunk, input->steps, &elements))
            input->tokens = calloc(elements ? elements : 1, sizeof *input->tokens);
        if (!input->tokens)
            return sl_report_memory_of_rows("the tokens");
    }
    if (input->lengths.path) {
        input->row_lengths = calloc(chunk, sizeof *input->row_lengths);
        if (!input->row_lengths)
            return sl_report_memory_of_rows("the lengths");
    }
    return SL_EXIT_OK;
}

/* Check the lengths of the chunk; *steps is their sum. */
static sl_exit take_lengths(sl_npy_input *input, size_t first, size_t rows, uint64_t *steps)
{
    *steps = (uint64_t)rows * input->steps;
    if (!input->row_lengths)
        return SL_EXIT_OK;
    return sl_lengths_take(&input->lengths, first, rows, input->steps, input->x.option, input->row_lengths, steps);
}

/* Check and copy the tokens of the chunk, up to the length of each row. */
static sl_exit take_tokens(sl_npy_input *input, size_t first, size_t rows)
{
    const size_t vocabulary = input->shape.vocabulary;
    for (size_t n = 0; input->tokens && n < rows; n++) {
        const size_t length = input->row_lengths ? (size_t)input->row_lengths[n] : input->steps;
        for (size_t t = 0; t < length; t++) {
            const size_t at = input->step_first ? t * rows + n : n * input->steps + t;
            int64_t token;
            if (!sl_npy_array_get_integer(&input->x, at, 0, (int64_t)vocabulary - 1, &token))
                return sl_report(
                    SL_EXIT_DATA, "%s: row %zu, step %zu: expected a token from 0 to %zu (the model's vocabulary), found %s",
                    sl_report_input(input->x.path), first + n, t, vocabulary - 1, sl_npy_array_get_found(&input->x, at).text);
            input->tokens[at] = (int32_t)token;
        }
    }
    return SL_EXIT_OK;
}

sl_exit sl_npy_input_read(sl_npy_input *input, size_t first, size_t rows, uint64_t *steps)
{
    sl_exit code = sl_npy_array_read(&input->x, first, rows);
    code = code ? code : sl_npy_array_read(&input->lengths, first, rows);
    code = code ? code : sl_npy_array_read(&input->mask, first, rows);
    code = code ? code : take_lengths(input, first, rows, steps);
    return code ? code : take_tokens(input, first, rows);
}

sluice_batch sl_npy_input_get_batch(const sl_npy_input *input, size_t rows)
{
    const size_t row_steps = input->step_first ? 1 : input->steps, step_rows = input->step_first ? rows : 1;
    return (sluice_batch){
        .struct_size = sizeof(sluice_batch),
        .steps = input->steps,
        .rows = rows,
        .lengths = input->row_lengths,
        .x = input->tokens ? NULL : input->x.data,
        .tokens = input->tokens,
        .x_row_stride = row_steps * input->width,
        .x_step_stride = step_rows * input->width,
        .mask = input->mask.data,
        .mask_row_stride = row_steps,
        .mask_step_stride = step_rows,
    };
}

void sl_npy_input_close(sl_npy_input *input)
{
    sl_npy_array_close(&input->x);
    sl_npy_array_close(&input->lengths);
    sl_npy_array_close(&input->mask);
    free(input->tokens);
    free(input->row_lengths);
    *input = (sl_npy_input){0};
}
