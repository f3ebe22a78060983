# syntax=docker/dockerfile:1
# escape=`
FROM base
ENV A=`$x B=c:\d
RUN a `
    b
