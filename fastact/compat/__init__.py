"""Other libraries' names, arguments, defaults and kinks over these kernels; a module a library."""
