include "ufuncs.pxi"
include "channels.pxi"
