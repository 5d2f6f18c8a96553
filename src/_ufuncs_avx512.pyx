include "ufuncs.pxi"
include "axiswise.pxi"
