FROM base
COPY --chwon=1:1 a b
