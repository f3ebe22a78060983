FROM base
RUN --mount=type=bind,source=x x
