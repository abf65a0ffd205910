/* ONNX files made of a few lines of text, right ones and wrong ones. Knows the wire format, and none of the reader's code. */
#ifndef SLUICE_TESTS_ONNX_MADE_H
#define SLUICE_TESTS_ONNX_MADE_H

#include "support/files.h"

static inline void onnx_add_varint(test_bytes *to, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        test_bytes_add_number(to, (value & 0x7f) | 0x80, 1);
    test_bytes_add_number(to, value, 1);
}

/** A field of a number, or of bytes. */
static inline void onnx_add_number(test_bytes *to, unsigned field, uint64_t value)
{
    onnx_add_varint(to, field << 3);
    onnx_add_varint(to, value);
}

static inline void onnx_add_field(test_bytes *to, unsigned field, const void *data, size_t bytes)
{
    onnx_add_varint(to, field << 3 | 2);
    onnx_add_varint(to, bytes);
    test_bytes_add(to, data, bytes);
}

static inline void onnx_add_text(test_bytes *to, unsigned field, const char *text)
{
    onnx_add_field(to, field, text, strlen(text));
}

/** The same of a message, which is freed. */
static inline void onnx_add_message(test_bytes *to, unsigned field, test_bytes *message)
{
    onnx_add_field(to, field, message->data, message->size);
    test_bytes_free(message);
}

/* Each word of a list "a,b" as a field; "-" is an empty one. */
static inline void onnx_add_words(test_bytes *to, unsigned field, char *list)
{
    char *left = NULL;
    for (char *word = strtok_r(list, ",", &left); word; word = strtok_r(NULL, ",", &left))
        onnx_add_text(to, field, strcmp(word, "-") == 0 ? "" : word);
}

/* An attribute `name=VALUE`: a number, one with a point, [numbers], or text; 'a,b' are texts. */
static inline void onnx_add_attribute(test_bytes *to, char *text)
{
    test_bytes made = {0};
    char *value = strchr(text, '='), *end;
    *value++ = '\0';
    onnx_add_text(&made, 1, text);
    if (*value == '[')
        for (char *at = value + 1; *at && *at != ']'; at = end + (*end == ','))
            onnx_add_number(&made, 8, (uint64_t)strtoll(at, &end, 10));
    else if (*value == '\'') {
        value[strlen(value) - 1] = '\0';
        onnx_add_words(&made, 9, value + 1);
    } else if (strchr(value, '.')) {
        const float number = strtof(value, NULL);
        onnx_add_varint(&made, 2 << 3 | 5);
        test_bytes_add(&made, &number, sizeof number);
    } else if ((*value >= '0' && *value <= '9') || *value == '-')
        onnx_add_number(&made, 3, (uint64_t)strtoll(value, NULL, 10));
    else
        onnx_add_text(&made, 4, value);
    onnx_add_message(to, 5, &made);
}

/* `w NAME 1,8,2` is a tensor of floats, `i NAME 1,2` a list of integers. */
static inline void onnx_add_tensor(test_bytes *graph, char kind, const char *name, char *list, uint64_t *state)
{
    test_bytes made = {0}, raw = {0};
    size_t count = 0, elements = 1;
    char *left = NULL;
    for (char *word = strtok_r(list, ",", &left); word; word = strtok_r(NULL, ",", &left), count++) {
        const long long number = strtoll(word, NULL, 10);
        if (kind == 'i')
            test_bytes_add_number(&raw, (uint64_t)number, 8);
        else
            onnx_add_number(&made, 1, (uint64_t)number);
        elements *= (size_t)number;
    }
    if (kind == 'i')
        onnx_add_number(&made, 1, count);
    if (kind == 'w' && elements < 1 << 20) {
        float *values = malloc((elements + 1) * sizeof *values);
        ck_assert_ptr_nonnull(values);
        for (size_t k = 0; k < elements; k++)
            values[k] = test_uniform(state) - 0.5f;
        test_bytes_add(&raw, values, elements * sizeof *values);
        free(values);
    }
    onnx_add_number(&made, 2, kind == 'i' ? 7 : 1);
    onnx_add_text(&made, 8, name);
    onnx_add_message(&made, 9, &raw);
    onnx_add_message(graph, 5, &made);
}

static inline void onnx_add_port(test_bytes *graph, unsigned field, const char *name)
{
    test_bytes made = {0};
    onnx_add_text(&made, 1, name);
    onnx_add_message(graph, field, &made);
}

/* One line: `in NAME`, `out NAME`, a tensor, or `n OP inputs > outputs name=value ...`, `n` with @DOMAIN behind the operator. */
static inline void onnx_add_line(test_bytes *graph, char *line, uint64_t *state)
{
    char *left = NULL, *words[24] = {NULL};
    size_t count = 0;
    for (char *word = strtok_r(line, " ", &left); word && count < 24; word = strtok_r(NULL, " ", &left))
        words[count++] = word;
    if (!count)
        return;
    if (strcmp(words[0], "in") == 0 || strcmp(words[0], "out") == 0)
        onnx_add_port(graph, words[0][0] == 'i' ? 11 : 12, words[1]);
    else if (*words[0] != 'n')
        onnx_add_tensor(graph, *words[0], words[1], count > 2 ? words[2] : (char[]){""}, state);
    else {
        test_bytes made = {0};
        char *domain = strchr(words[1], '@');
        if (domain)
            *domain++ = '\0';
        onnx_add_words(&made, 1, words[2]);
        onnx_add_words(&made, 2, words[4]);
        onnx_add_text(&made, 4, words[1]);
        onnx_add_text(&made, 7, domain ? domain : "");
        for (size_t k = 5; k < count; k++)
            onnx_add_attribute(&made, words[k]);
        onnx_add_message(graph, 1, &made);
    }
}

/** The graph of a text, lines ending with ';'. */
static inline test_bytes onnx_make_graph(const char *text)
{
    uint64_t state = test_seed();
    test_bytes graph = {0};
    char *copy = strdup(text), *left = NULL;
    ck_assert_ptr_nonnull(copy);
    for (char *line = strtok_r(copy, ";", &left); line; line = strtok_r(NULL, ";", &left))
        onnx_add_line(&graph, line, &state);
    free(copy);
    return graph;
}

/** A file of a graph, which is freed. */
static inline test_bytes onnx_make_file(test_bytes *graph, unsigned opset)
{
    test_bytes file = {0}, version = {0};
    onnx_add_number(&file, 1, 8);
    onnx_add_message(&file, 7, graph);
    onnx_add_number(&version, 2, opset);
    onnx_add_message(&file, 8, &version);
    return file;
}

#endif
