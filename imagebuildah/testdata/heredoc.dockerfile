FROM base
RUN <<EOT
echo first
echo second
EOT
RUN cat <<A > /x && <<B cat
one
A
two
B
RUN <<-script
	#!/usr/bin/env python
	print("$HOME")
	script
RUN --mount=type=bind,target=/src,source=x --mount=type=tmpfs,dst=/tmp,size=1m --network=none x
RUN --mount=from=base,dst=rel,ro --network=host y
