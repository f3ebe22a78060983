#!/bin/sh
exec cat /opt/worker/etc.list "$@"
