/* 16-bit floating-point numbers as float32. */
#ifndef SLUICE_IO_WIDEN_H
#define SLUICE_IO_WIDEN_H

#include <stdint.h>

/** The value of an IEEE binary16, exactly; a NaN keeps its payload. */
float sl_widen_f16(uint16_t bits);

/** The value of a bfloat16, exactly. */
float sl_widen_bf16(uint16_t bits);

#endif
