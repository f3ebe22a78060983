FROM base
RUN --mount=type=cache,target=/x,bind-propagation=privat true
