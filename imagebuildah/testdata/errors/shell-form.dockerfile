FROM base
SHELL bash -c
