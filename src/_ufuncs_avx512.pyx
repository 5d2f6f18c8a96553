include "ufuncs.pxi"
include "axiswise.pxi"
include "channels.pxi"
