#include "cli/run/initial_states.h"

#include "base/layer.h"
#include "base/size.h"
#include "io/npy/npz_read.h"
#include "program/model_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXPECTED_BYTES = 512 }; /* room for the description of an expected array */

/* The name of a layer's array in messages. */
static char *join_names(const char *path, const char *name)
{
    const size_t bytes = strlen(path) + strlen(name) + sizeof ": ";
    char *joined = malloc(bytes);
    if (joined)
        snprintf(joined, bytes, "%s: %s", path, name);
    return joined;
}

static sl_exit open_layer(sl_initial_states *states, const sl_npz_reader *reader, const sluice_layer *layer, size_t width)
{
    const size_t directions = sl_layer_count_directions(layer);
    char *name = join_names(sl_report_input(states->path), layer->name);
    if (!name)
        return sl_report_memory(states->option);
    states->names[states->layers] = name;
    sl_npy_array *array = &states->arrays[states->layers++];
    *array = (sl_npy_array){.option = states->option, .path = name, .planes = directions, .rows = states->rows, .width = width};
    sluice_error error;
    if (sl_npz_open_array(reader, layer->name, &array->reader, &array->header, &error))
        return sl_report_error(&error);
    const sl_npy_header *header = &array->header;
    char expected[EXPECTED_BYTES];
    snprintf(expected, sizeof expected, "numbers [%zu][%zu][%zu] (D and H of layer \"%.100s\", N of --input)", directions,
             states->rows, width, layer->name);
    if (header->dims != 3 || header->shape[0] != directions || header->shape[1] != states->rows || header->shape[2] != width)
        return sl_npy_array_reject(array, expected,
                                   "give states that --hn and --cn wrote for the same number of rows, or leave out the option");
    states->floats += directions * width;
    return sl_npy_array_accept(array, SL_NPY_ARRAY_REALS);
}

static bool is_lstm_layer(const sluice_network *network, const char *name, size_t bytes)
{
    for (size_t k = 0; k < network->layer_count; k++) {
        const sluice_layer *layer = &network->layers[k];
        if (layer->kind == SLUICE_LAYER_LSTM && strlen(layer->name) == bytes && memcmp(layer->name, name, bytes) == 0)
            return true;
    }
    return false;
}

/* A member that no layer takes means that the file is of another network. */
static sl_exit check_members(const sl_initial_states *states, const sl_npz_reader *reader, const sluice_network *network)
{
    for (size_t k = 0; k < sl_npz_count(reader); k++) {
        size_t bytes;
        const char *name = sl_npz_get_name(reader, k, &bytes);
        if (!is_lstm_layer(network, name, bytes))
            return sl_report(SL_EXIT_DATA,
                             "%s: %s has an array \"%.*s\", and the network has no LSTM layer of that name; give states that --hn "
                             "and --cn wrote for this network",
                             sl_report_input(states->path), states->option, bytes < 100 ? (int)bytes : 100, name);
    }
    return SL_EXIT_OK;
}

sl_exit sl_initial_states_open(sl_initial_states *states, const sluice_model *model, sl_state_kind kind, size_t rows)
{
    if (!states->path)
        return SL_EXIT_OK;
    const sluice_network network = sl_model_network(model);
    states->rows = rows;
    states->arrays = calloc(network.layer_count, sizeof *states->arrays);
    states->names = calloc(network.layer_count, sizeof *states->names);
    if (!states->arrays || !states->names)
        return sl_report_memory(states->option);
    sl_npz_reader *reader;
    sluice_error error;
    if (sl_npz_open(states->path, &reader, &error))
        return sl_report_error(&error);
    sl_exit code = check_members(states, reader, &network);
    for (size_t k = 0; !code && k < network.layer_count; k++)
        if (network.layers[k].kind == SLUICE_LAYER_LSTM)
            code = open_layer(states, reader, &network.layers[k], sl_state_width(&network.layers[k], kind));
    sl_npz_close(reader);
    return code;
}

sl_exit sl_initial_states_allocate(sl_initial_states *states, size_t chunk)
{
    if (!states->path)
        return SL_EXIT_OK;
    for (size_t k = 0; k < states->layers; k++) {
        const sl_exit code = sl_npy_array_allocate(&states->arrays[k], chunk, false);
        if (code)
            return code;
    }
    size_t floats;
    if (sl_size_mul(chunk ? chunk : 1, states->floats, &floats))
        states->data = calloc(floats, sizeof *states->data);
    return states->data ? SL_EXIT_OK : sl_report_memory_of_rows(states->option);
}

sl_exit sl_initial_states_read(sl_initial_states *states, size_t first, size_t rows)
{
    float *to = states->data;
    for (size_t k = 0; states->path && k < states->layers; k++) {
        sl_npy_array *array = &states->arrays[k];
        const size_t count = array->planes * rows * array->width;
        const sl_exit code = sl_npy_array_read(array, first, rows);
        if (code)
            return code;
        if (count)
            memcpy(to, array->data, count * sizeof *to);
        to += count;
    }
    return SL_EXIT_OK;
}

void sl_initial_states_close(sl_initial_states *states)
{
    for (size_t k = 0; k < states->layers; k++) {
        sl_npy_array_close(&states->arrays[k]);
        free(states->names[k]);
    }
    free(states->arrays);
    free(states->names);
    free(states->data);
    *states = (sl_initial_states){0};
}
