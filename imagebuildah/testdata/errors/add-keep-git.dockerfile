FROM base
ADD --keep-git-dir=true https://host/r.git /x
