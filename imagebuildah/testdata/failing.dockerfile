#! --layers --t=x
FROM base AS a
RUN a
FROM base
ENV A=1
COPY --from=a /x /y
COPY ${X:-missing} /x
