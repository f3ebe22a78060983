FROM base
BOGUS x
