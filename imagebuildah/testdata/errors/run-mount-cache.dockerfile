FROM base
RUN --mount=type=cache,target=/x \
    make
RUN y
