FROM base
ADD --checksum=sha256:00 http://host/a b
