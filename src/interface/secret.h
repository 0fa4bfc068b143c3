/*
 * secret.h
 *		Reads secrets from files that nobody else can read.
 */
#ifndef OUTBOX_INTERFACE_SECRET_H
#define OUTBOX_INTERFACE_SECRET_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Reads the file into buffer, NUL-terminated, less one newline at its end.
 * False when the file cannot be read, is not private (see secret.c), is empty,
 * holds a NUL byte or does not fit: then reason says why for a person, naming
 * the path and never the content, and buffer holds nothing of it.  The caller
 * wipes the buffer as soon as the secret has been used.
 */
extern bool outbox_secret_read(const char *path, char *buffer, size_t size, char *reason,
							   size_t reason_size);

/* The same checks for a file that a library will read by its name. */
extern bool outbox_secret_check(const char *path, char *reason, size_t reason_size);

/* Overwrites what the compiler must not optimise away. */
extern void outbox_secret_wipe(void *memory, size_t size);

#endif
