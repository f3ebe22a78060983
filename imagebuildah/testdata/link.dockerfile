#! --layers
FROM base AS one
COPY --link a /b/
WORKDIR /work
ADD --link --chown=1:2 a sub
RUN here
FROM base
COPY --from=one --link /b/a .
