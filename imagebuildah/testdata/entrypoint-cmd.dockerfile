FROM base
CMD first
ENTRYPOINT keeps
FROM base
ENTRYPOINT clears
