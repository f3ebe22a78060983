/* wordfreq prints the most frequent words of its standard input. */
#include "table.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 255 };

static int count_words(struct table *t, FILE *in)
{
	char word[LONGEST + 1];
	size_t length = 0;
	int c;
	do {
		c = getc(in);
		if (c != EOF && (isalnum(c) || c == '\'')) {
			if (length < LONGEST)
				word[length++] = (char)tolower(c);
			continue;
		}
		if (length > 0 && table_add(t, word, length))
			return -1;
		length = 0;
	} while (c != EOF);
	return ferror(in) ? -1 : 0;
}

int main(int argc, char **argv)
{
	size_t wanted = 10;
	if (argc == 2 && !strcmp(argv[1], "--version")) {
		puts("wordfreq " VERSION);
		return 0;
	}
	if (argc == 3 && !strcmp(argv[1], "-n")) {
		wanted = strtoul(argv[2], NULL, 10);
	} else if (argc != 1) {
		fputs("usage: wordfreq [-n COUNT | --version] <TEXT\n", stderr);
		return 2;
	}
	struct table t;
	if (table_init(&t) || count_words(&t, stdin)) {
		perror("wordfreq");
		return 1;
	}
	size_t n = table_sort(&t);
	for (size_t i = 0; i < n && i < wanted; i++)
		printf("%7zu %s\n", t.slots[i].count, t.slots[i].word);
	table_free(&t);
	return 0;
}
