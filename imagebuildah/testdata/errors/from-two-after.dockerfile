FROM base AS a
FROM base AS b
FROM --after=a --after=b base
