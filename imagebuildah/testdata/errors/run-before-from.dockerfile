
RUN x
FROM base
