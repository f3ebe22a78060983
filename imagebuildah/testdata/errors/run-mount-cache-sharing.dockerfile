FROM base
RUN --mount=type=cache,target=/x,sharing=sometimes \
    make
RUN y
