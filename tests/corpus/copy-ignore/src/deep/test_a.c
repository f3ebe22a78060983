src/deep/test_a.c
