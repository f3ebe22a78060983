FROM base AS first
FROM --after=frist base
