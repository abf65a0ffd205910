#include "io/keras/keras_read.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/keras/keras_guess.h"
#include "io/keras/keras_layers.h"
#include "io/zip/zip_inflate.h"

#include <stdio.h>
#include <string.h>

/* A model's configuration as text, and what is known besides. */
typedef struct description {
    const char *name; /* of the file */
    char *config;     /* NULL: there is none */
    size_t config_bytes, config_at;
    const char *version; /* of Keras, "2.3.0-tf"; NULL: not known */
    size_t file_bytes;
    size_t members; /* bytes of them in memory */
} description;

/* ---- Names and versions ---------------------------------------------------------------------------------------------------- */

/* Fields of names that say something of other files, or of those without a configuration. */
static sluice_status check_names(const char *name, const sluice_names *names, bool has_config, sluice_error *error)
{
    const struct {
        const char *field, *value;
        bool is_known;
    } fields[] = {
        {"prefix", names->prefix, false},
        {"head", names->head, false},
        {"embedding", names->embedding, false},
        {"network", names->network, false},
        {"lstm", names->lstm, false},
        {"head_activation", names->head_activation, false},
        {"head_input", names->head_input, false},
        {"onnx_clip", names->onnx_clip, false},
        {"activation", names->activation, !has_config},
        {"recurrent_activation", names->recurrent_activation, !has_config},
    };
    for (size_t k = 0; k < sizeof fields / sizeof *fields; k++)
        if (fields[k].value && !fields[k].is_known)
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: names.%s is \"%s\", but a Keras file%s; leave it NULL", name,
                           fields[k].field, sl_label_get(fields[k].value).text,
                           k < 8 ? " has no use for it" : " with a configuration states it itself");
    return SLUICE_STATUS_OK;
}

static sl_keras_version read_version(const char *text)
{
    sl_keras_version version = {0};
    if (text && sscanf(text, "%3u.%3u", &version.major, &version.minor) >= 1)
        version.is_tensorflow = strstr(text, "-tf") || version.major > 2 || (version.major == 2 && version.minor >= 4);
    return version;
}

/* ---- The model ------------------------------------------------------------------------------------------------------------- */

/* hard_sigmoid was another function before Keras 3: a note where one is used, which warns where no version is stated. */
static sluice_status note_slope(const sl_keras *keras, bool is_stated)
{
    for (size_t k = 0; k < sl_build_count(keras->build); k++) {
        const sluice_layer *layer = sl_build_get(keras->build, k);
        const sluice_function gate = sl_build_get_cell(keras->build, k, 0)->gate.function;
        if (layer->activation.function == SLUICE_FUNCTION_HARD_SIGMOID ||
            (layer->kind == SLUICE_LAYER_LSTM && gate == SLUICE_FUNCTION_HARD_SIGMOID))
            return sl_build_note(keras->build, keras->error, "%s: hard_sigmoid has the slope %s Keras 3",
                                 is_stated ? "detail" : "keras", keras->slope == 0.2f ? "0.2, as before" : "1/6, as from");
    }
    return SLUICE_STATUS_OK;
}

static sluice_status build_layers(const description *from, const sl_keras_config *config, sl_keras_weights *weights,
                                  sl_build *build, sluice_model **model, sluice_error *error)
{
    const sl_keras_version version = read_version(from->version);
    const bool is_3 = version.major ? version.major > 2 : !weights->is_named && !weights->is_old;
    sl_keras keras = {.name = from->name,
                      .config = config,
                      .weights = weights,
                      .build = build,
                      .slope = is_3 ? 1.0f / 6 : 0.2f,
                      .zeroes_masked = is_3 || version.is_tensorflow,
                      .error = error};
    sluice_status status = sl_build_hold(build, config->tree.memory + from->members, error);
    if (!status)
        status = sl_keras_add_layers(&keras);
    if (!status)
        status = sl_build_hold(build, sl_hdf5_get_memory(weights->file), error);
    if (!status)
        status = note_slope(&keras, version.major > 0);
    return status ? status : sl_build_finish(build, model, error);
}

static sluice_status read_config(const description *from, const sluice_names *names, sl_keras_weights *weights, sl_build *build,
                                 sluice_model **model, sluice_error *error)
{
    sl_keras_config config;
    sluice_status status =
        sl_keras_config_read(from->name, from->config, from->config_bytes, from->config_at, names->to, &config, error);
    if (status)
        return status;
    status = build_layers(from, &config, weights, build, model, error);
    sl_keras_config_release(&config);
    return status;
}

/* Without a configuration one is made that fits the weights. */
static sluice_status read_guessed(description *from, const sluice_names *names, sl_keras_weights *weights, sl_build *build,
                                  sluice_model **model, sluice_error *error)
{
    char *text = NULL;
    sluice_status status = sl_keras_guess(weights, names, read_version(from->version), build, &text, error);
    if (status)
        return status;
    from->config = text;
    from->config_bytes = strlen(text);
    status = read_config(from, names, weights, build, model, error);
    sl_free(text);
    return status;
}

/* The weights are those of an image, whose input is taken over. */
static sluice_status read_model(description *from, const sluice_names *names, sl_keras_weights *weights, sluice_model **model,
                                sluice_error *error)
{
    sl_build *build = NULL;
    sluice_status status = check_names(from->name, names, from->config, error);
    if (!status)
        status = sl_build_create(&weights->source, from->file_bytes, &build, error);
    if (!status && from->config)
        status = read_config(from, names, weights, build, model, error);
    else if (!status)
        status = read_guessed(from, names, weights, build, model, error);
    sl_build_destroy(build);
    return status;
}

/* ---- HDF5 ------------------------------------------------------------------------------------------------------------------ */

static sluice_status describe_image(sl_keras_weights *weights, description *from, sluice_error *error)
{
    sl_hdf5_object *root = sl_hdf5_get_root(weights->file);
    sl_hdf5_text config = {0}, version = {0};
    sluice_status status = sl_hdf5_read_text(weights->file, root, "model_config", &config, error);
    if (!status)
        status = sl_hdf5_read_text(weights->file, root, "keras_version", &version, error);
    if (!status && !version.text)
        status = sl_hdf5_read_text(weights->file, weights->layers, "keras_version", &version, error);
    from->name = weights->source.input.name;
    from->config = config.text;
    from->config_bytes = config.bytes;
    from->config_at = config.at;
    from->version = version.text;
    return status;
}

sluice_status sl_keras_read_hdf5(sl_input *input, const sluice_names *names, sluice_model **model, sluice_error *error)
{
    description from = {.file_bytes = input->size};
    sl_keras_weights weights;
    sluice_status status = sl_keras_weights_open(input, &weights, error);
    if (status)
        return status;
    status = describe_image(&weights, &from, error);
    if (!status)
        status = read_model(&from, names, &weights, model, error);
    sl_keras_weights_close(&weights);
    return status;
}

/* ---- .keras ---------------------------------------------------------------------------------------------------------------- */

static const sl_zip_member *find_member(const sl_zip *zip, const char *name)
{
    return sl_zip_find(zip, name, strlen(name));
}

static sluice_status fail_archive(const sl_zip *zip, sluice_error *error)
{
    const char *name = sl_zip_get_input(zip)->name;
    if (find_member(zip, "model.weights.json"))
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "%s: its weights are divided among several members; write them into one, by a larger max_shard_size", name);
    return sl_fail(
        error, SLUICE_STATUS_BAD_DATA,
        "%s: no Keras model: expected the members config.json and model.weights.h5 in the zip archive; write the model by "
        "model.save(\"model.keras\")",
        name);
}

/* The image of the weights, where it lies in the archive, or inflated to *bytes. */
static sluice_status open_image(sl_zip *zip, const sl_zip_member *member, char **bytes, sl_input *image, sluice_error *error)
{
    const sl_input *input = sl_zip_get_input(zip);
    const char *name = "model.weights.h5";
    sluice_status status = member->method ? sl_zip_read_member(zip, member, bytes, error) : sl_zip_check_stored(zip, member, error);
    if (status)
        return status;
    const sl_input inflated = {.name = input->name, .fd = -1, .regular = true, .memory = *bytes, .size = member->bytes};
    return *bytes ? sl_input_open_part(&inflated, 0, member->bytes, name, image, error)
                  : sl_input_open_part(input, member->data_at, member->bytes, name, image, error);
}

/* The version that metadata.json states: a text among the member's bytes, which stay. */
static sluice_status read_version_member(sl_zip *zip, const sl_zip_member *member, char **metadata, const char **version,
                                         sluice_error *error)
{
    sl_json_tree tree;
    sluice_status status = sl_zip_read_member(zip, member, metadata, error);
    if (!status)
        status = sl_json_tree_read(sl_zip_get_input(zip)->name, *metadata, member->bytes, member->data_at, &tree, error);
    if (status)
        return status;
    *version = sl_json_text(sl_json_get(tree.values, "keras_version"));
    sl_json_tree_release(&tree);
    return SLUICE_STATUS_OK;
}

typedef struct archive {
    sl_zip *zip;
    char *config, *metadata, *image; /* members in memory */
} archive;

static sluice_status read_archive(archive *in, const sluice_names *names, sluice_model **model, sluice_error *error)
{
    const sl_zip_member *config = find_member(in->zip, "config.json"), *metadata = find_member(in->zip, "metadata.json");
    const sl_zip_member *image = find_member(in->zip, "model.weights.h5");
    const sl_input *input = sl_zip_get_input(in->zip);
    const char *version = NULL;
    sl_keras_weights weights;
    sl_input part;
    if (!config || !image)
        return fail_archive(in->zip, error);
    sluice_status status = sl_zip_read_member(in->zip, config, &in->config, error);
    if (!status && metadata)
        status = read_version_member(in->zip, metadata, &in->metadata, &version, error);
    if (!status)
        status = open_image(in->zip, image, &in->image, &part, error);
    if (!status)
        status = sl_keras_weights_open(&part, &weights, error);
    if (status)
        return status;
    description from = {.name = input->name,
                        .config = in->config,
                        .config_bytes = config->bytes,
                        .config_at = config->data_at,
                        .version = version,
                        .file_bytes = input->size,
                        .members = sl_zip_get_memory(in->zip)};
    status = read_model(&from, names, &weights, model, error);
    sl_keras_weights_close(&weights);
    return status;
}

sluice_status sl_keras_read_zip(sl_input *input, const sluice_names *names, sluice_model **model, sluice_error *error)
{
    archive in = {0};
    sl_input whole = *input;
    *input = (sl_input){.fd = -1};
    sluice_status status = sl_zip_open(&whole, &in.zip, error);
    if (!status)
        status = read_archive(&in, names, model, error);
    sl_free(in.config);
    sl_free(in.metadata);
    sl_free(in.image);
    sl_zip_close(in.zip);
    sl_input_close(&whole);
    return status;
}
