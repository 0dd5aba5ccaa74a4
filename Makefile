# Everything is in Makefile.apxs, which asks apxs, apr-1-config, apu-1-config and pkg-config for every path.
include Makefile.apxs
