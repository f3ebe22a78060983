#include "table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static uint64_t hash(const char *word, size_t length)
{
	uint64_t h = 14695981039346656037u; /* FNV-1a */
	for (size_t i = 0; i < length; i++)
		h = (h ^ (unsigned char)word[i]) * 1099511628211u;
	return h;
}

static struct entry *find(struct entry *slots, size_t size, const char *word, size_t length)
{
	size_t at = hash(word, length) & (size - 1);
	while (slots[at].word && (strlen(slots[at].word) != length || memcmp(slots[at].word, word, length)))
		at = (at + 1) & (size - 1);
	return &slots[at];
}

static int grow(struct table *t)
{
	size_t size = t->size * 2;
	struct entry *slots = calloc(size, sizeof *slots);
	if (!slots)
		return -1;
	for (size_t i = 0; i < t->size; i++)
		if (t->slots[i].word)
			*find(slots, size, t->slots[i].word, strlen(t->slots[i].word)) = t->slots[i];
	free(t->slots);
	t->slots = slots;
	t->size = size;
	return 0;
}

int table_init(struct table *t)
{
	t->size = 1024;
	t->used = 0;
	t->slots = calloc(t->size, sizeof *t->slots);
	return t->slots ? 0 : -1;
}

int table_add(struct table *t, const char *word, size_t length)
{
	if (t->used * 2 >= t->size && grow(t))
		return -1;
	struct entry *e = find(t->slots, t->size, word, length);
	if (!e->word) {
		e->word = malloc(length + 1);
		if (!e->word)
			return -1;
		memcpy(e->word, word, length);
		e->word[length] = 0;
		t->used++;
	}
	e->count++;
	return 0;
}

static int by_count(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->word, y->word);
}

size_t table_sort(struct table *t)
{
	size_t n = 0;
	for (size_t i = 0; i < t->size; i++)
		if (t->slots[i].word)
			t->slots[n++] = t->slots[i];
	for (size_t i = n; i < t->size; i++)
		t->slots[i].word = NULL;
	qsort(t->slots, n, sizeof *t->slots, by_count);
	return n;
}

void table_free(struct table *t)
{
	for (size_t i = 0; i < t->size; i++)
		free(t->slots[i].word);
	free(t->slots);
}
