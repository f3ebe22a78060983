FROM oci-archive:/etc/x
