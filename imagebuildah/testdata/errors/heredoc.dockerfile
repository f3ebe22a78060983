FROM base
RUN <<EOT
echo
RUN x
