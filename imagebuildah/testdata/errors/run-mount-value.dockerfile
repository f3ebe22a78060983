FROM base
RUN --mount=type=bind,target x
