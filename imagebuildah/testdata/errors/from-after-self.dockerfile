FROM base AS a
FROM --after=self base AS self
