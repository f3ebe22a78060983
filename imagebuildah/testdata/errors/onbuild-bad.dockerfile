FROM base
ONBUILD COPY --chwon=1 a b
