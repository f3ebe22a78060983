FROM base
COPY http://host/x /x
