"""The pure core: values in, values out, one package per plane."""
