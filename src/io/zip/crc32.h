/* The CRC-32 of zip files (reflected polynomial edb88320) of data whose parts come in any order. */
#ifndef SLUICE_IO_ZIP_CRC32_H
#define SLUICE_IO_ZIP_CRC32_H

#include <stddef.h>
#include <stdint.h>

/** The share of a part in the sum of `total` bytes; `offset` is that of the part. The exclusive or of the shares of all parts, each byte
 *  in one, and of sl_crc32_begin is the CRC. */
uint32_t sl_crc32_part(const void *part, size_t bytes, uint64_t offset, uint64_t total);

/** The CRC of `total` zeros. */
uint32_t sl_crc32_begin(uint64_t total);

#endif
