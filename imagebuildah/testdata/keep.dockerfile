#! --layers --keep --iidfile --t=x
FROM base
RUN a
RUN b
