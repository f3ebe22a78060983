# escape=`
# escape=`
FROM base
