/* Keras's recurrent layers as LSTM layers of a network. */
#ifndef SLUICE_IO_KERAS_KERAS_RECURRENT_H
#define SLUICE_IO_KERAS_KERAS_RECURRENT_H

#include "io/keras/keras_part.h"

/** Add the layer of class LSTM or CuDNNLSTM; Bidirectional of one of these, or of an RNN of one LSTMCell; RNN of LSTMCells. BAD_DATA,
 *  UNSUPPORTED, IO, NO_MEMORY. */
sluice_status sl_keras_add_lstm(sl_keras *keras, const sl_keras_part *part);
sluice_status sl_keras_add_bidirectional(sl_keras *keras, const sl_keras_part *part);
sluice_status sl_keras_add_rnn(sl_keras *keras, const sl_keras_part *part);

#endif
