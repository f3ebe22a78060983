#! --layers --t=x
FROM base AS one
ENV A=1
RUN a
ENV B=1
ENV C=1
FROM one
LABEL x=y
WORKDIR /there
WORKDIR /new
COPY --from=one /a /b
ENV D=1
