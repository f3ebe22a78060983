FROM base
RUN --security=insecure x
