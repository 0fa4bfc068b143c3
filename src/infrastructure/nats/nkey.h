/*
 * nkey.h
 *		The public key that belongs to an nkey seed.
 *
 * The library signs with a seed file by itself but wants to be told the public
 * key, which users would have to configure twice.
 */
#ifndef OUTBOX_INFRASTRUCTURE_NATS_NKEY_H
#define OUTBOX_INFRASTRUCTURE_NATS_NKEY_H

#include <stdbool.h>
#include <stddef.h>

#define OUTBOX_NKEY_SIZE 57 /* 56 characters and the NUL */

/*
 * From the seed's text ("SU...").  False when it is not the seed of a user, or
 * its check sum is wrong.
 */
extern bool outbox_nats_nkey_public(const char *seed, char key[OUTBOX_NKEY_SIZE]);

/* From the first seed in a file; also false when it cannot be read. */
extern bool outbox_nats_nkey_public_of_file(const char *path, char key[OUTBOX_NKEY_SIZE]);

#endif
