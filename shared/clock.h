/* clock.h - the two clocks.  Functions with a now_ms argument take one of these, so that
 * tests bring their own time.  Threads: any. */
#ifndef WXCHAT_CLOCK_H
#define WXCHAT_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* Milliseconds since 1970, for what outlives the process (expiry times, message times). */
int64_t clock_wall_ms(void);

/* Milliseconds since some fixed moment, never going back, for what ends with the process. */
int64_t clock_mono_ms(void);

/* The same in microseconds, for measuring durations. */
int64_t clock_mono_us(void);

/* Milliseconds in the form that POSIX wants, a duration or a moment. */
struct timespec clock_timespec(int64_t ms);

/* A condition whose timed waits end at moments of clock_mono_ms.  0 or a negative errno. */
int clock_cond_init(pthread_cond_t *cond);

#endif
