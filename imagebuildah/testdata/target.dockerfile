#! --target=ONE
FROM base AS zero
RUN zero
FROM base AS one
RUN one
FROM nothing AS two
RUN two
