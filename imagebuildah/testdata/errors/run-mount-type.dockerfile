FROM base
RUN --mount=type=bnid,target=/x x
