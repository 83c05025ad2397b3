"""The wire formats: values to bytes and back, digests and signatures; the only importer of generated code."""
