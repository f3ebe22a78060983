#! --from=base --env=E=$x --env=FROMBASE=z --label=l=m --drop --all-stages --annotation=a=b
FROM nosuch AS first
LABEL gone=1
RUN echo $E
FROM base AS unneeded
RUN echo unneeded
FROM first
COPY --link a ${E}
ENV F=$E
