FROM base
HEALTHCHECK --intervall=1s CMD x
