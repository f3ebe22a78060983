FROM base
RUN --mount=type=bind,trget=/x x
