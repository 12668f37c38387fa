/* clock.h - the two clocks.  Functions with a now_ms argument take one of these, so that
 * tests bring their own time.  Threads: any. */
#ifndef WXCHAT_CLOCK_H
#define WXCHAT_CLOCK_H

#include <stdint.h>

/* Milliseconds since 1970, for what outlives the process (expiry times, message times). */
int64_t clock_wall_ms(void);

/* Milliseconds since some fixed moment, never going back, for what ends with the process. */
int64_t clock_mono_ms(void);

/* The same in microseconds, for measuring durations. */
int64_t clock_mono_us(void);

#endif
