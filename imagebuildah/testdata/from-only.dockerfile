#! --t=name
FROM base
