/*
 * nats_keys.c
 *		Ed25519 by OpenSSL's library, certificates by its program.
 */
#include "contract/nats_keys.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
require(int fine, const char *what)
{
	if (!fine)
	{
		printf("Bail out! %s\n", what);
		exit(1);
	}
}

static void
base32(const unsigned char *bytes, int length, char *text)
{
	for (int bit = 0; bit < length * 8; bit += 5)
	{
		int value = 0;

		for (int i = bit; i < bit + 5; i++)
			value = value * 2 + (i < length * 8 ? (bytes[i / 8] >> (7 - i % 8)) & 1 : 0);
		*text++ = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[value];
	}
	*text = '\0';
}

/* Encodes prefix, key and check sum (CRC-16 with polynomial 1021, low byte first). */
static void
wrap(const unsigned char *prefix, int prefix_length, const unsigned char *key, char *text)
{
	unsigned char raw[40];
	unsigned sum = 0;
	int length = prefix_length + 32;

	memcpy(raw, prefix, (size_t) prefix_length);
	memcpy(raw + prefix_length, key, 32);
	for (int bit = 0; bit < length * 8; bit++)
	{
		unsigned in = (raw[bit / 8] >> (7 - bit % 8)) & 1;
		unsigned out = (sum >> 15) & 1;

		sum = (sum << 1) & 0xffff;
		if (in != out)
			sum ^= 0x1021;
	}
	raw[length] = (unsigned char) (sum & 255);
	raw[length + 1] = (unsigned char) (sum >> 8);
	base32(raw, length + 2, text);
}

void
nats_keys_make(NatsKey *key, char kind)
{
	unsigned char type = (unsigned char) ((kind - 'A') << 3);
	unsigned char seed[2] = {(unsigned char) ((('S' - 'A') << 3) | (type >> 5)),
							 (unsigned char) ((type & 31) << 3)};
	size_t length = 32;
	EVP_PKEY *pair;

	RAND_bytes(key->secret, 32);
	pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->secret, 32);
	require(pair != NULL && EVP_PKEY_get_raw_public_key(pair, key->open, &length) == 1, "ed25519");
	EVP_PKEY_free(pair);
	wrap(seed, 2, key->secret, key->seed);
	wrap(&type, 1, key->open, key->name);
}

/* Base64 for URLs, without padding. */
static void
base64(const void *bytes, size_t length, char *text)
{
	int used = EVP_EncodeBlock((unsigned char *) text, bytes, (int) length);

	while (used > 0 && text[used - 1] == '=')
		used--;
	text[used] = '\0';
	for (; *text != '\0'; text++)
		*text = *text == '+' ? '-' : *text == '/' ? '_' : *text;
}

void
nats_keys_sign(char *token, size_t size, const NatsKey *issuer, const NatsKey *subject,
			   const char *claims)
{
	static const char header[] = "{\"typ\":\"JWT\",\"alg\":\"ed25519-nkey\"}";
	char body[1500];
	char head64[100];
	char body64[2100];
	char signature64[100];
	unsigned char signature[64];
	size_t length = sizeof(signature);
	EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, issuer->secret, 32);
	EVP_MD_CTX *context = EVP_MD_CTX_new();

	snprintf(
		body, sizeof(body),
		"{\"jti\":\"%.20s\",\"iat\":1700000000,\"iss\":\"%s\",\"name\":\"test\",\"sub\":\"%s\","
		"\"nats\":%s}",
		subject->name, issuer->name, subject->name, claims);
	base64(header, strlen(header), head64);
	base64(body, strlen(body), body64);
	snprintf(token, size, "%s.%s", head64, body64);
	require(EVP_DigestSignInit(context, NULL, NULL, NULL, pair) == 1 &&
				EVP_DigestSign(context, signature, &length, (unsigned char *) token,
							   strlen(token)) == 1,
			"signing");
	EVP_MD_CTX_free(context);
	EVP_PKEY_free(pair);
	base64(signature, length, signature64);
	snprintf(token, size, "%s.%s.%s", head64, body64, signature64);
}

void
nats_keys_write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	require(file != NULL, path);
	fputs(text, file);
	fclose(file);
}

void
nats_keys_write_credentials(const char *path, const char *token, const NatsKey *user)
{
	char text[4096];

	snprintf(text, sizeof(text),
			 "-----BEGIN NATS USER JWT-----\n%s\n------END NATS USER JWT------\n\n"
			 "-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n",
			 token, user->seed);
	nats_keys_write_file(path, text);
}

void
nats_keys_make_certificates(const char *folder)
{
	static const char script[] =
		"set -e; cd '%s'\n"
		"key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'\n"
		"authority() { openssl req -x509 $key -keyout $1.key -out $1.pem -days 2 -subj /CN=$1; }\n"
		"issue() { openssl req $key -keyout $1.key -out $1.csr -subj /CN=$1\n"
		"  echo \"subjectAltName=$2\" > $1.ext\n"
		"  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
		"-out $1.pem -extfile $1.ext; }\n"
		"{ authority ca; authority other; issue server DNS:localhost,IP:127.0.0.1\n"
		"  issue stranger DNS:elsewhere; issue client DNS:client; } > certificates.log 2>&1\n";
	char command[2048];

	snprintf(command, sizeof(command), script, folder);
	require(system(command) == 0, "openssl could not make certificates");
}
