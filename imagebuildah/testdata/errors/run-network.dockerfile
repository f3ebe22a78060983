FROM base
RUN --network=nnone x
