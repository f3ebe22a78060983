FROM base
ENV --x=y A=1
