#! --timestamp --annotation=a=b --label=l=1
FROM base
COPY a /a
RUN b
