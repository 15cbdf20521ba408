# What the pods of the end-to-end suite run, built on the machine that made the binary: `just workload-image`.
# The same system as the runners', so that the binary finds its C library.
FROM ubuntu:24.04
COPY podline-workload /podline-workload
ENTRYPOINT ["/podline-workload"]
