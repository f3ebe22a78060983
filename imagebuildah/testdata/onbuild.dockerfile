FROM base AS tools
RUN tools
FROM base AS other
RUN other
FROM trigger
RUN own
