FROM base
LABEL A="open
RUN x
