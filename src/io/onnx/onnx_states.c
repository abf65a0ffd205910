#include "io/onnx/onnx_states.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/label.h"

#include <string.h>

enum { IN_LENGTHS = 4, IN_H = 5, IN_C = 6 };

/* An initial state of a node: learned values [D][H], or NULL where it is zeros or the caller's. */
typedef struct state {
    float *values;
} state;

static sluice_status note(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const char *what, const char *text)
{
    return sl_build_note(reader->build, reader->error, "onnx: %s: %s %s", sl_label_get(sl_onnx_get_name(lstm->node)).text, what,
                         text);
}

/* What repeats a state for all rows says nothing of its values. */
static const char *skip_repeats(const sl_onnx_graph **graph, const char *value)
{
    for (size_t depth = 0; depth < SL_ONNX_MAX_LIST; depth++) {
        const sl_onnx_origin origin = sl_onnx_find(*graph, value);
        if (origin.kind != SL_ONNX_NODE || !(sl_onnx_is(origin.node, "Expand") || sl_onnx_is(origin.node, "Tile")))
            break;
        *graph = origin.node->graph;
        value = sl_onnx_get_input(origin.node, 0);
    }
    return value;
}

/* Whether all rows of values [D][N][H] (or [N][D][H]) are alike; the first is moved to the front, as [D][H]. */
static bool join_rows(const sl_onnx_lstm *lstm, size_t rows, float *values)
{
    const size_t hidden = lstm->hidden, directions = lstm->directions;
    const size_t of_row = lstm->is_batch_first ? directions * hidden : hidden;
    const size_t of_direction = lstm->is_batch_first ? hidden : rows * hidden;
    for (size_t d = 0; d < directions; d++)
        for (size_t row = 1; row < rows; row++)
            if (memcmp(values + d * of_direction, values + d * of_direction + row * of_row, hidden * sizeof *values) != 0)
                return false;
    for (size_t d = 1; d < directions; d++)
        memmove(values + d * hidden, values + d * of_direction, hidden * sizeof *values);
    return true;
}

/* Values [D][N][H] that are constant: learned, if they are the same for all rows. */
static sluice_status read_learned(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const char *what,
                                  const sl_onnx_constant *from, state *found)
{
    const size_t rows = from->shape[lstm->is_batch_first ? 0 : 1], directions = from->shape[lstm->is_batch_first ? 1 : 0];
    size_t room, count;
    if (from->dims != 3 || directions != lstm->directions || from->shape[2] != lstm->hidden || !rows)
        return sl_onnx_fail(reader, SLUICE_STATUS_BAD_DATA, lstm->node, "%s: expected D x N x H numbers, found %s", what,
                            sl_shape_get_text(from->shape, from->dims).text);
    if (!sl_size_mul(rows, directions * lstm->hidden, &room) || room > *reader->zeros_left / sizeof(float))
        return note(reader, lstm, what, "is a large constant and not taken; give it to the network");
    *reader->zeros_left -= room * sizeof(float);
    float *values = sl_alloc_array(room, sizeof *values);
    if (!values)
        return sl_fail_memory(reader->error, "initial states", room * sizeof *values);
    sluice_status status = sl_onnx_read_constant(reader, lstm->node, what, from, values, room, &count);
    const bool is_learned = !status && join_rows(lstm, rows, values);
    if (is_learned)
        status = sl_onnx_allocate(reader, lstm->node, directions * lstm->hidden, &found->values);
    if (is_learned && !status)
        memcpy(found->values, values, directions * lstm->hidden * sizeof *values);
    sl_free(values);
    if (status || is_learned)
        return status;
    return note(reader, lstm, what, "is a constant that differs from row to row, and not taken; give it to the network");
}

static sluice_status find_state(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const sl_onnx_lstm_use *use, size_t input,
                                state *found)
{
    static const char *const names[] = {"initial_h", "initial_c"};
    const char *what = names[input == IN_C], *value = sl_onnx_get_input(lstm->node, input);
    const sl_onnx_graph *graph = lstm->node->graph;
    sl_onnx_constant constant;
    bool is_zero = true;
    sluice_status status = *value ? sl_onnx_is_zero(reader, graph, value, &is_zero) : SLUICE_STATUS_OK;
    if (status || is_zero)
        return status;
    const sl_onnx_origin origin = sl_onnx_trace(graph, value);
    if (origin.kind == SL_ONNX_INPUT)
        return note(reader, lstm, what, "is an input of the graph: give it to the network, else it is zeros");
    value = skip_repeats(&graph, value);
    if (sl_onnx_fold(graph, value, &constant, NULL))
        return read_learned(reader, lstm, what, &constant, found);
    if (use->is_alone)
        return note(reader, lstm, what, "is computed by the graph, and not taken; give it to the network");
    return sl_onnx_fail(reader, SLUICE_STATUS_UNSUPPORTED, lstm->node,
                        "%s is computed by the graph; run this LSTM alone by its name (lstm, --lstm) and give the state", what);
}

/* Learned states of h and c; of one alone the other is zeros. */
static sluice_status add_learned(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const sl_onnx_lstm_use *use, size_t layer,
                                 state found[2])
{
    static const sluice_tensor tensors[] = {SLUICE_TENSOR_INITIAL_H, SLUICE_TENSOR_INITIAL_C};
    const size_t first = use->only == 1, end = use->only == 0 ? 1 : lstm->directions;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < 2; k++)
        if (!found[k].values)
            status = sl_onnx_allocate(reader, lstm->node, lstm->directions * lstm->hidden, &found[k].values);
    for (size_t d = first; !status && d < end; d++) {
        sl_build_get_cell(reader->build, layer, d - first)->parts |= SLUICE_PART_INITIAL_STATE;
        for (size_t k = 0; !status && k < 2; k++) {
            const sl_fill fill = {.layer = layer,
                                  .direction = d - first,
                                  .tensor = tensors[k],
                                  .values = found[k].values + d * lstm->hidden,
                                  .from = {.rows = 1, .columns = lstm->hidden}};
            status = sl_build_fill(reader->build, &fill, reader->error);
        }
    }
    return status;
}

static sluice_status note_lengths(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm)
{
    const char *value = sl_onnx_get_input(lstm->node, IN_LENGTHS);
    if (!*value)
        return SLUICE_STATUS_OK;
    return note(reader, lstm, "sequence_lens",
                "is what the lengths of a batch say here; ONNX's outputs behind a row's length are zeros");
}

sluice_status sl_onnx_states_add(const sl_onnx_reader *reader, const sl_onnx_lstm *lstm, const sl_onnx_lstm_use *use, size_t layer)
{
    state found[2] = {{NULL}, {NULL}};
    sluice_status status = find_state(reader, lstm, use, IN_H, &found[0]);
    if (!status)
        status = find_state(reader, lstm, use, IN_C, &found[1]);
    if (!status && (found[0].values || found[1].values))
        status = add_learned(reader, lstm, use, layer, found);
    return status ? status : note_lengths(reader, lstm);
}
