#! --build-arg=which=two --build-arg=nobody=x
ARG which=one
ARG ver=1
FROM base AS one
RUN one
FROM base AS unused
RUN unused
FROM base AS two
COPY a.txt /a.txt
FROM --platform=linux/arm64 base AS arm
RUN arm
FROM two AS Three
ENV THREE=3
FROM $which AS four
ARG ver
ARG which
RUN four $ver
FROM three
COPY --from=$THREE /x /x
COPY --from=one /x /y
COPY --from=3 /x /z
COPY --from=four --chown=1:2 --chmod=0755 /x /w/
COPY --from=four /x2 /w2/
COPY --from=base /x /i
