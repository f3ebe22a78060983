#! --t=conf --t=second --label=k=v --label=empty
FROM base
ENV A=1
LABEL a=b
CMD []
ENTRYPOINT x
