/*
 * nkey.c
 *		Nkeys: base32 around a prefix, an Ed25519 key and a CRC-16 (XMODEM).
 *
 * Memory that held a seed is wiped before it is given up.
 */
#include "infrastructure/nats/nkey.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define PREFIX_SEED (18 << 3) /* 'S' */
#define PREFIX_USER (20 << 3) /* 'U' */
#define KEY_BYTES 32
#define SEED_BYTES (2 + KEY_BYTES + 2) /* two prefixes, key, check sum */
#define PUBLIC_BYTES (1 + KEY_BYTES + 2)
#define SEED_LENGTH 58 /* characters */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static uint16_t
check_sum(const uint8_t *bytes, size_t length)
{
	uint16_t sum = 0;

	for (size_t i = 0; i < length; i++)
	{
		sum ^= (uint16_t) (bytes[i] << 8);
		for (int bit = 0; bit < 8; bit++)
			sum = (uint16_t) ((sum & 0x8000) ? (sum << 1) ^ 0x1021 : sum << 1);
	}
	return sum;
}

static bool
decode(const char *text, size_t length, uint8_t *bytes, size_t size)
{
	uint32_t bits = 0;
	int count = 0;
	size_t used = 0;

	for (size_t i = 0; i < length; i++)
	{
		const char *digit = memchr(alphabet, text[i], 32);

		if (digit == NULL)
			return false;
		bits = (bits << 5) | (uint32_t) (digit - alphabet);
		count += 5;
		if (count >= 8)
		{
			count -= 8;
			if (used == size)
				return false;
			bytes[used++] = (uint8_t) (bits >> count);
		}
	}
	return used == size;
}

static void
encode(const uint8_t *bytes, size_t size, char *text)
{
	uint32_t bits = 0;
	int count = 0;

	for (size_t i = 0; i < size; i++)
	{
		bits = (bits << 8) | bytes[i];
		for (count += 8; count >= 5; count -= 5)
			*text++ = alphabet[(bits >> (count - 5)) & 31];
	}
	if (count > 0)
		*text++ = alphabet[(bits << (5 - count)) & 31];
	*text = '\0';
}

static bool
is_user_seed(const uint8_t *raw)
{
	uint16_t sum = (uint16_t) (raw[SEED_BYTES - 2] | (raw[SEED_BYTES - 1] << 8));
	uint8_t kind = (uint8_t) ((raw[0] & 7) << 5 | (raw[1] & 0xf8) >> 3);

	return (raw[0] & 0xf8) == PREFIX_SEED && kind == PREFIX_USER &&
		   check_sum(raw, SEED_BYTES - 2) == sum;
}

static bool
derive(const uint8_t *secret, uint8_t *open)
{
	EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, KEY_BYTES);
	size_t length = KEY_BYTES;
	bool done = pair != NULL && EVP_PKEY_get_raw_public_key(pair, open, &length) == 1;

	EVP_PKEY_free(pair);
	return done && length == KEY_BYTES;
}

bool
outbox_nats_nkey_public(const char *seed, char key[OUTBOX_NKEY_SIZE])
{
	uint8_t raw[SEED_BYTES];
	uint8_t open[PUBLIC_BYTES] = {PREFIX_USER};
	bool done;

	done = decode(seed, strnlen(seed, SEED_LENGTH + 1), raw, sizeof(raw)) && is_user_seed(raw) &&
		   derive(raw + 2, open + 1);
	OPENSSL_cleanse(raw, sizeof(raw));
	if (done)
	{
		uint16_t sum = check_sum(open, PUBLIC_BYTES - 2);

		open[PUBLIC_BYTES - 2] = (uint8_t) (sum & 0xff);
		open[PUBLIC_BYTES - 1] = (uint8_t) (sum >> 8);
		encode(open, sizeof(open), key);
	}
	return done;
}

bool
outbox_nats_nkey_public_of_file(const char *path, char key[OUTBOX_NKEY_SIZE])
{
	char line[256];
	bool done = false;
	FILE *file = fopen(path, "re");

	if (file == NULL)
		return false;
	setvbuf(file, NULL, _IONBF, 0); /* no copy of the seed in a buffer */
	while (!done && fgets(line, sizeof(line), file) != NULL)
	{
		char *seed = line + strspn(line, " \t");

		seed[strcspn(seed, " \t\r\n")] = '\0';
		if (strncmp(seed, "SU", 2) == 0)
			done = outbox_nats_nkey_public(seed, key);
	}
	OPENSSL_cleanse(line, sizeof(line));
	fclose(file);
	return done;
}
