/* Functions by a word, as options have them: "relu". Those without parameters, and those that frameworks give the same ones. */
#ifndef SLUICE_IO_NETWORK_FUNCTION_WORDS_H
#define SLUICE_IO_NETWORK_FUNCTION_WORDS_H

#include "sluice_network.h"

#include <stdbool.h>

/** The function that is named by the first `bytes` bytes of text: alpha is 0.01 of leaky_relu and 1 of elu, and hard_sigmoid is x/6 + 1/2
 *  cut at 0 and 1, as Keras 3 and torch have it. False, and *activation untouched, where no function is named so. */
bool sl_function_word_find(const char *text, size_t bytes, sluice_activation *activation);

/** The words, from index 0 on; NULL past the last. */
const char *sl_function_word_get(size_t index);

/** "linear, sigmoid, ...": all words that are known. */
typedef struct sl_function_words {
    char text[256];
} sl_function_words;
sl_function_words sl_function_words_list(void);

#endif
