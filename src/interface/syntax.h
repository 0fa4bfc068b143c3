/*
 * syntax.h
 *		What the text of a setting may look like.
 *
 * Every function returns NULL when the text is legal, otherwise a sentence that
 * says what is wrong with it; the sentence never repeats the text.
 */
#ifndef OUTBOX_INTERFACE_SYNTAX_H
#define OUTBOX_INTERFACE_SYNTAX_H

/* One or more NATS servers, comma separated; without user or password. */
extern const char *outbox_syntax_servers(const char *text);

/* A stream's name with {database} in it where wanted; '' stands for the default. */
extern const char *outbox_syntax_stream(const char *text);

/* A channel of NOTIFY; '' is off. */
extern const char *outbox_syntax_channel(const char *text);

/* Where to listen: [ADDRESS:]PORT; '' is nowhere. */
extern const char *outbox_syntax_listen(const char *text);

/* An absolute path; '' is none. */
extern const char *outbox_syntax_path(const char *text);

/* W3C trace context: 00-<32 hex>-<16 hex>-<2 hex>; '' is none. */
extern const char *outbox_syntax_traceparent(const char *text);

/* W3C trace state: printable ASCII, at most 512 bytes. */
extern const char *outbox_syntax_tracestate(const char *text);

/* An id or a name that travels in a header: printable ASCII, at most 255 bytes. */
extern const char *outbox_syntax_context(const char *text);

#endif
