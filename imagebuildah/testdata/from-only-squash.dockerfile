#! --squash --annotation=a=b
FROM base
