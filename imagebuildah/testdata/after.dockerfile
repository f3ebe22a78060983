FROM base AS first
RUN a
FROM --after=first base
RUN b
