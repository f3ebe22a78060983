FROM base
ADD https://host/r.git#main /x
