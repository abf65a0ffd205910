#include "io/keras/keras_guess_text.h"

#include "io/measured_text.h"

static void put_string(sl_measured_text *to, const char *text)
{
    sl_measured_text_put(to, "\"");
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == '"' || *text == '\\')
            sl_measured_text_put(to, "\\u%04x", (unsigned char)*text);
        else
            sl_measured_text_put(to, "%c", *text);
    sl_measured_text_put(to, "\"");
}

static bool is_recurrent(const sl_keras_guess_layer *layer)
{
    return layer->kind == SL_KERAS_GUESS_LSTM || layer->kind == SL_KERAS_GUESS_BIDIRECTIONAL || layer->kind == SL_KERAS_GUESS_RNN;
}

/* Whether a layer behind this one reads steps. */
static bool gives_steps(const sl_keras_guessed *guessed, size_t layer)
{
    for (size_t k = layer + 1; k < guessed->count; k++)
        if (is_recurrent(&guessed->layers[k]) || guessed->layers[k].kind == SL_KERAS_GUESS_TIME_DISTRIBUTED)
            return true;
    return false;
}

static const char *flag(bool is_true)
{
    return is_true ? "true" : "false";
}

/* The options of a cell, without braces. */
static void put_cell(sl_measured_text *to, const sl_keras_guessed *guessed, const sl_keras_guess_layer *layer, size_t cell)
{
    sl_measured_text_put(to, "\"units\":%zu,\"use_bias\":%s,\"activation\":", layer->units[cell], flag(layer->has_bias));
    put_string(to, guessed->activation);
    sl_measured_text_put(to, ",\"recurrent_activation\":");
    put_string(to, guessed->recurrent_activation);
}

static void put_lstm(sl_measured_text *to, const sl_keras_guessed *guessed, size_t index, bool is_backward)
{
    const sl_keras_guess_layer *layer = &guessed->layers[index];
    sl_measured_text_put(to, "{\"class_name\":\"%s\",\"config\":{\"name\":", layer->is_cudnn ? "CuDNNLSTM" : "LSTM");
    put_string(to, layer->name);
    sl_measured_text_put(to, ",\"return_sequences\":%s,\"go_backwards\":%s,", flag(gives_steps(guessed, index)), flag(is_backward));
    put_cell(to, guessed, layer, 0);
    sl_measured_text_put(to, "}}");
}

static void put_rnn(sl_measured_text *to, const sl_keras_guessed *guessed, size_t index)
{
    const sl_keras_guess_layer *layer = &guessed->layers[index];
    sl_measured_text_put(to, ",\"return_sequences\":%s,\"cell\":", flag(gives_steps(guessed, index)));
    if (layer->is_stack)
        sl_measured_text_put(to, "{\"class_name\":\"StackedRNNCells\",\"config\":{\"cells\":[");
    for (size_t k = 0; k < layer->cell_count; k++) {
        sl_measured_text_put(to, "%s{\"class_name\":\"LSTMCell\",\"config\":{", k ? "," : "");
        put_cell(to, guessed, layer, k);
        sl_measured_text_put(to, "}}");
    }
    if (layer->is_stack)
        sl_measured_text_put(to, "]}}");
}

static void put_dense(sl_measured_text *to, const sl_keras_guess_layer *layer)
{
    sl_measured_text_put(to, "\"units\":%zu,\"use_bias\":%s,\"activation\":\"linear\"", layer->units[0], flag(layer->has_bias));
}

/* The options that follow the name. */
static void put_options(sl_measured_text *to, const sl_keras_guessed *guessed, size_t index)
{
    const sl_keras_guess_layer *layer = &guessed->layers[index];
    switch (layer->kind) {
    case SL_KERAS_GUESS_EMBEDDING:
        sl_measured_text_put(to, ",\"input_dim\":%zu,\"output_dim\":%zu", layer->inputs, layer->outputs);
        break;
    case SL_KERAS_GUESS_LSTM:
        break;
    case SL_KERAS_GUESS_BIDIRECTIONAL:
        sl_measured_text_put(to, ",\"merge_mode\":\"concat\",\"layer\":");
        put_lstm(to, guessed, index, false);
        sl_measured_text_put(to, ",\"backward_layer\":");
        put_lstm(to, guessed, index, true);
        break;
    case SL_KERAS_GUESS_RNN:
        put_rnn(to, guessed, index);
        break;
    case SL_KERAS_GUESS_NORMALIZATION:
        sl_measured_text_put(to, ",\"scale\":%s,\"center\":%s", flag(layer->has_bias), flag(layer->has_bias));
        break;
    case SL_KERAS_GUESS_TIME_DISTRIBUTED:
        sl_measured_text_put(to, ",\"layer\":{\"class_name\":\"Dense\",\"config\":{");
        put_dense(to, layer);
        sl_measured_text_put(to, "}}");
        break;
    case SL_KERAS_GUESS_DENSE:
        sl_measured_text_put(to, ",");
        put_dense(to, layer);
        break;
    }
}

static void put_layer(sl_measured_text *to, const sl_keras_guessed *guessed, size_t index)
{
    static const char *const classes[] = {"Embedding",       "LSTM", "Bidirectional", "RNN", "BatchNormalization",
                                          "TimeDistributed", "Dense"};
    const sl_keras_guess_layer *layer = &guessed->layers[index];
    if (layer->kind == SL_KERAS_GUESS_LSTM) {
        put_lstm(to, guessed, index, false);
        return;
    }
    sl_measured_text_put(to, "{\"class_name\":\"%s\",\"config\":{\"name\":", classes[layer->kind]);
    put_string(to, layer->name);
    put_options(to, guessed, index);
    sl_measured_text_put(to, "}}");
}

static void put_model(sl_measured_text *to, const void *context)
{
    const sl_keras_guessed *guessed = context;
    sl_measured_text_put(to, "{\"class_name\":\"Sequential\",\"config\":{\"layers\":[");
    for (size_t k = 0; k < guessed->count; k++) {
        sl_measured_text_put(to, "%s", k ? "," : "");
        put_layer(to, guessed, k);
    }
    sl_measured_text_put(to, "]}}");
}

sluice_status sl_keras_guess_text_make(const sl_keras_guessed *guessed, char **text, sluice_error *error)
{
    return sl_measured_text_make(put_model, guessed, "the configuration of a Keras model", text, error);
}
