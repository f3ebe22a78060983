FROM base
RUN x
COPY --chown a b
