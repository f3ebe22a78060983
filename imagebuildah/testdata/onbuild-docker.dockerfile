#! --format=docker
FROM base AS parent
ONBUILD ENV FROM_PARENT=1
ONBUILD COPY <<EOT /x
body $FROMBASE
EOT
FROM parent
RUN child
