FROM base
ENV A=1

RUNN echo hi
ENV B=2
