/* A hash table from words to counts. */
#ifndef TABLE_H
#define TABLE_H

#include <stddef.h>

struct entry {
	char *word;
	size_t count;
};

struct table {
	struct entry *slots;
	size_t size; /* a power of two */
	size_t used;
};

/* Both return 0, or -1 when there is no memory. */
int table_init(struct table *t);
int table_add(struct table *t, const char *word, size_t length);

/* Moves the entries to the front, the most frequent first, and returns how many there are. */
size_t table_sort(struct table *t);
void table_free(struct table *t);

#endif
