FROM base
WORKDIR /there
ENV d=dest s=src
COPY $s/a ./$d/
COPY a b dir/
COPY ["a b", "c d/"]
COPY --chown=user:group --chmod=644 --exclude=*.txt --exclude=!a.txt . .
COPY --parents x/./y.txt /p/
ADD http://host/file.tar /x/
ADD --checksum=sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa http://host/f /y
ADD local.tar /unpacked
COPY <<one <<"two" /docs/
value $s "quoted" \$s
one
value $s
two
COPY <<-tabs plain /t/
	indented
	tabs
