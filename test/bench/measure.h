/*
 * measure.h
 *		What the programs of the benches share: clocks, percentiles, messages.
 */
#ifndef OUTBOX_BENCH_MEASURE_H
#define OUTBOX_BENCH_MEASURE_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define NS INT64_C(1000000000)

static inline int64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * NS + now.tv_nsec;
}

static inline void
sleep_until(int64_t at)
{
	struct timespec when = {at / NS, at % NS};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &when, NULL);
}

/* Seconds of CPU that all threads of this process have used. */
static inline double
cpu_used(void)
{
	struct rusage used;

	getrusage(RUSAGE_SELF, &used);
	return (double) (used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
		   (double) (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static inline int
compare_times(const void *a, const void *b)
{
	int64_t x = *(const int64_t *) a;
	int64_t y = *(const int64_t *) b;

	return (x > y) - (x < y);
}

/* In milliseconds; sorts the times. */
static inline double
percentile_ms(int64_t *times, size_t count, double share)
{
	if (count == 0)
		return 0;
	qsort(times, count, sizeof(*times), compare_times);
	return (double) times[(size_t) ((double) (count - 1) * share)] / 1e6;
}

__attribute__((format(printf, 1, 2), noreturn)) static inline void
die(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

#endif
