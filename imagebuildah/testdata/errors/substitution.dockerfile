FROM base
ENV A=${x
