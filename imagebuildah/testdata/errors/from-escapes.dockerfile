FROM base
FROM oci-archive:../x.tar:name
