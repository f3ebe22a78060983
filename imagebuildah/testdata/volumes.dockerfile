FROM base
VOLUME /b /a /etc/hosts
RUN x
