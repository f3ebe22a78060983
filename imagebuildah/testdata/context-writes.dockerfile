FROM base
RUN --mount=type=bind,rw,target=/ctx x
RUN --mount=type=bind,target=/ctx,rw --mount=type=secret,id=k,env=K y
COPY a /
