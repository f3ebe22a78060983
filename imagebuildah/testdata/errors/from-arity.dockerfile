FROM base as
