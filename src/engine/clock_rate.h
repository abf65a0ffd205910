/* The frequency of the core that the caller runs on. */
#ifndef SLUICE_ENGINE_CLOCK_RATE_H
#define SLUICE_ENGINE_CLOCK_RATE_H

/** The core's clock in Hz now, by a chain of dependent additions of one cycle each on any CPU of today; takes half a millisecond. */
double sl_clock_rate_measure(void);

#endif
