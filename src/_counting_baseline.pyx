include "counting.pxi"
