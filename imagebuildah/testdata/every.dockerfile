#! --t=every --format=docker
FROM base
MAINTAINER Jane Doe
ENV A=1 B="two words" C=$A
ENV A=3 D=$A-${FROMBASE}
ENV LIB="$(PREFIX)/lib"
LABEL one=1 two="$A b"
EXPOSE 80 53/udp $A
VOLUME /data
VOLUME ["/json", "/list"]
USER me:us
WORKDIR /work
WORKDIR sub
WORKDIR /
STOPSIGNAL SIGUSR1
SHELL ["/bin/bash", "-c"]
CMD echo $A
ENTRYPOINT ["/e", "$A"]
HEALTHCHECK --interval=5s --retries=2 CMD curl -f localhost
ONBUILD RUN later $A
RUN echo $A \
    more
RUN ["exec", "form"]
RUN
