include "ufuncs.pxi"
